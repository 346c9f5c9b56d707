// CallContext: what a method knows of its call besides the messages.
#pragma once

#include <optional>

#include "base/time.h"
#include "net/headers.h"
#include "net/stream.h"

namespace wrenn::connect {

// Lives as long as its call.
//
// Metadata is text; the value of a header whose name ends in "-bin" is base64 by convention, which
// is left to both ends. Names that begin with "connect-" belong to the protocol.
struct CallContext {
  const net::Headers& request_headers;
  // Sent with the response's head: for a stream, before its first message.
  net::Headers response_headers;
  // Sent at the end, whether the call succeeded or not.
  net::Headers response_trailers;
  // The connection of the caller, e.g. for its address or credentials.
  net::Stream& peer;
  // From Connect-Timeout-Ms. The call is stopped then (its waits end with kCanceled) and the caller
  // gets deadline_exceeded; a method that must tell this from a caller who went away looks here.
  std::optional<base::SteadyTime> deadline;

  bool deadline_passed() const { return deadline && base::steady_now() >= *deadline; }
};

}  // namespace wrenn::connect
