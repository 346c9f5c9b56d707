// Netlink: requests to the kernel's routing family, one network namespace per socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace wrenn::hostnet {

// One request: a netlink header, the fixed header of its type, attributes.
class NetlinkMessage {
 public:
  // `what` names the request in errors: "creating link wv1a2b3c7".
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, std::string what);

  template <class Header>
  NetlinkMessage& header(const Header& header) {
    return append(&header, sizeof header);
  }
  NetlinkMessage& bytes(std::uint16_t type, const void* data, std::size_t size);
  // A zero byte is added, as names want it.
  NetlinkMessage& text(std::uint16_t type, std::string_view value);
  NetlinkMessage& u32(std::uint16_t type, std::uint32_t value);
  // begin() and end() stand around the attributes inside.
  NetlinkMessage& begin(std::uint16_t type);
  NetlinkMessage& end();

  const std::string& what() const { return what_; }

 private:
  friend class Netlink;
  NetlinkMessage& append(const void* data, std::size_t size);

  std::vector<std::byte> data_;
  std::vector<std::size_t> open_nests_;
  std::string what_;
};

// The attributes of a received message, by type. `data` must outlive the result's use.
std::span<const std::byte> find_attribute(std::span<const std::byte> attributes,
                                          std::uint16_t type);

// Not thread-safe.
class Netlink {
 public:
  // The socket belongs to the calling thread's network namespace, wherever it is used later.
  static base::Result<Netlink> open();

  // All in one system call, each acknowledged. Returns the first error, with the kernel's own
  // explanation if it gave one; requests after a failed one are carried out nevertheless.
  // kUnimplemented: the kernel knows no such kind of link, queue, filter or request.
  base::Result<void> send(std::vector<NetlinkMessage> messages);
  base::Result<void> send(NetlinkMessage message);
  // The payloads (fixed header and attributes) that answer one request.
  base::Result<std::vector<std::vector<std::byte>>> query(NetlinkMessage message);

 private:
  explicit Netlink(base::Fd fd) : fd_(std::move(fd)) {}
  void seal(NetlinkMessage& message, std::uint16_t flags);
  base::Result<std::vector<std::byte>> receive();

  base::Fd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace wrenn::hostnet
