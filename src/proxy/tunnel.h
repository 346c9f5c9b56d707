// tunnel(): bytes both ways between two connections, whatever they mean.
#pragma once

#include <cstdint>

#include "net/http_connection.h"
#include "net/stream.h"

namespace wrenn::proxy {

// As the application in the sandbox sees it.
enum class Flow { kIn, kOut };

// Is told of bytes that move. For one loop.
class Traffic {
 public:
  virtual ~Traffic() = default;
  // Zero: something happens, but no byte of a body moves.
  virtual void on_bytes(Flow flow, std::uint64_t bytes) = 0;
};

// One end: a stream and what was read from it already.
struct TunnelEnd {
  net::Stream& stream;
  net::InputBuffer& input;
};

// Until both sides have ended their sending: the end of one is passed on, and the other may go on.
// A broken connection ends both. An idle tunnel holds no buffers. kCanceled when stopped.
net::Task<base::Result<void>> tunnel(TunnelEnd client, TunnelEnd application, Traffic& traffic);

}  // namespace wrenn::proxy
