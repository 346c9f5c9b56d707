// ListeningSockets: which TCP sockets listen, asked of the kernel.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "envd/ports/ip_address.h"

namespace wrenn::envd {

struct ListeningSocket {
  std::uint16_t port = 0;
  IpAddress address;
  auto operator<=>(const ListeningSocket&) const = default;
};

// Any program may open as many as it likes; those beyond are left out.
inline constexpr std::size_t kMaxListeningSockets = 4096;

enum class DiagEnd { kMore, kDone };
// One datagram of the answer to a sock_diag dump; appends what it lists. Messages that do not carry
// the number `sequence` belong to an older question and are passed over. The kernel's error is
// returned as such (kNotFound: it has no such diagnostics), kDataLoss means a malformed message.
base::Result<DiagEnd> parse_sock_diag(std::string_view datagram, std::uint32_t sequence,
                                      std::vector<ListeningSocket>& sockets);

// The text of /proc/net/tcp or tcp6, which lists the listening sockets first; malformed lines, such
// as one that was cut off, are passed over.
std::vector<ListeningSocket> parse_proc_net_tcp(std::string_view text);

// Asks by netlink where the kernel answers there, else reads /proc. Not thread-safe. Its calls do
// not wait for anybody: the kernel makes the list during the call.
class ListeningSockets {
 public:
  // Sorted, each once. Of the network namespace that the first call was made in.
  base::Result<std::vector<ListeningSocket>> list();
  // For the log, after the first call: "netlink" or "/proc/net/tcp".
  std::string_view source() const { return has_netlink_ ? "netlink" : "/proc/net/tcp"; }

 private:
  base::Result<std::vector<ListeningSocket>> ask_netlink();
  base::Result<void> dump(std::uint8_t family, std::vector<ListeningSocket>& sockets);

  bool has_netlink_ = true;
  base::Fd netlink_;
  std::uint32_t sequence_ = 0;
};

}  // namespace wrenn::envd
