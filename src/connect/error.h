// Errors on the wire: their JSON form and their HTTP status. Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::connect {

// https://connectrpc.com/docs/protocol#error-codes
int http_status(base::Code code);
// For an answer that is not of this protocol, e.g. a proxy's.
base::Code code_from_http_status(int status);

// {"code":"not_found","message":"..."}
std::string error_json(const base::Error& error);
// Nothing when the text is not such an object.
std::optional<base::Error> parse_error_json(std::string_view json);

// The data of the last frame of a stream: {} or {"error":{...}}.
std::string end_of_stream_json(const base::Error* error);
// The error that the peer reported, success for {}; kInternal when it is malformed.
base::Result<void> parse_end_of_stream(std::string_view json);

}  // namespace wrenn::connect
