// Errors on the wire: their JSON form and their HTTP status; and the last frame of a stream, which
// holds one, and the trailing metadata. Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/headers.h"

namespace wrenn::connect {

// https://connectrpc.com/docs/protocol#error-codes
int http_status(base::Code code);
// For an answer that says no code of this protocol, e.g. a proxy's.
base::Code code_from_http_status(int status);

// {"code":"not_found","message":"...","details":[{"type":"...","value":"..."}]}
std::string error_json(const base::Error& error);
// Nothing when the text is not such an object. `fallback`: the code of one that names none or an
// unknown one; without it, that is nothing too. Details that cannot be read are left out.
std::optional<base::Error> parse_error_json(std::string_view json,
                                            std::optional<base::Code> fallback = std::nullopt);

// The data of the last frame of a stream: {} or {"error":{...},"metadata":{"name":["value"]}}.
std::string end_of_stream_json(const base::Error* error, const net::Headers& metadata = {});

struct EndOfStream {
  std::optional<base::Error> error;
  net::Headers metadata;
};
// What the peer reported; kInternal when it is malformed. Metadata that cannot be a header is left
// out.
base::Result<EndOfStream> parse_end_of_stream(std::string_view json);

}  // namespace wrenn::connect
