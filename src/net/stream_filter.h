// StreamFilter: what turns the bytes of a connection into others on their way, such as encryption.
// It does no I/O: Stream moves the bytes. For one stream and its loop.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace wrenn::net {

class StreamFilter {
 public:
  StreamFilter() = default;
  StreamFilter(const StreamFilter&) = delete;
  StreamFilter& operator=(const StreamFilter&) = delete;
  virtual ~StreamFilter() = default;

  // As far as it gets with what came until now: true once both sides agree. An error may leave
  // bytes in outgoing() that tell the peer why.
  virtual base::Result<bool> handshake() = 0;

  // Bytes that came over the wire.
  virtual base::Result<void> receive(std::string_view bytes) = 0;
  // What they mean; 0 when that takes more of them, or at_end().
  virtual base::Result<std::size_t> decode(std::span<char> buffer) = 0;
  // The peer has said that nothing more will come. A wire that ends without it was cut.
  virtual bool at_end() const = 0;
  // Whether decode() may have something to give without more bytes from the wire.
  virtual bool has_received() const = 0;

  // Puts bytes on their way: their form for the wire is added to outgoing().
  virtual base::Result<void> encode(std::string_view bytes) = 0;
  // Tells the peer that no more bytes will come.
  virtual void finish() = 0;

  // What has to go out over the wire, and how much of it went.
  virtual std::string_view outgoing() const = 0;
  virtual void consume_outgoing(std::size_t bytes) = 0;
};

// Makes the filters of connections that are to be secured alike. Thread-safe.
class StreamSecurity {
 public:
  virtual ~StreamSecurity() = default;
  virtual base::Result<std::unique_ptr<StreamFilter>> make_filter() const = 0;
};

}  // namespace wrenn::net
