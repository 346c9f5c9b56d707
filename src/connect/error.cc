#include "connect/error.h"

#include "base/strings.h"
#include "connect/codec.h"
#include "proto/connect.pb.h"

namespace wrenn::connect {
namespace {

using base::Code;

// A message may quote bytes from anywhere (a file name, a program's output); JSON takes only UTF-8.
std::string to_utf8(const std::string& text) {
  if (base::is_valid_utf8(text)) return text;
  std::string clean;
  for (const char c : text) clean += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return clean;
}

connectrpc::Error to_message(const base::Error& error) {
  connectrpc::Error message;
  message.set_code(std::string(base::code_name(error.code)));
  message.set_message(to_utf8(error.message));
  message.set_remedy(to_utf8(error.remedy));
  return message;
}

base::Error from_message(const connectrpc::Error& message) {
  return {base::code_from_name(message.code()), message.message(), message.remedy()};
}

// Text that is UTF-8 can always be written.
std::string to_json(const Message& message) {
  return encode(message, Codec::kJson).value_or("{}");
}

}  // namespace

int http_status(Code code) {
  switch (code) {
    case Code::kCanceled:
      return 499;
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
      return 400;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kAborted:
      return 409;
    case Code::kPermissionDenied:
      return 403;
    case Code::kResourceExhausted:
      return 429;
    case Code::kUnimplemented:
      return 501;
    case Code::kUnavailable:
      return 503;
    case Code::kUnauthenticated:
      return 401;
    case Code::kUnknown:
    case Code::kInternal:
    case Code::kDataLoss:
      return 500;
  }
  return 500;
}

Code code_from_http_status(int status) {
  switch (status) {
    case 400:
      return Code::kInternal;
    case 401:
      return Code::kUnauthenticated;
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code::kUnavailable;
    default:
      return Code::kUnknown;
  }
}

std::string error_json(const base::Error& error) {
  return to_json(to_message(error));
}

std::optional<base::Error> parse_error_json(std::string_view json) {
  connectrpc::Error message;
  if (!decode(json, Codec::kJson, message)) return std::nullopt;
  base::Error error = from_message(message);
  // An object with a code of another kind, e.g. {"code":404}, is somebody else's.
  if (base::code_name(error.code) != message.code()) return std::nullopt;
  return error;
}

std::string end_of_stream_json(const base::Error* error) {
  connectrpc::EndOfStream end;
  if (error != nullptr) *end.mutable_error() = to_message(*error);
  return to_json(end);
}

base::Result<void> parse_end_of_stream(std::string_view json) {
  connectrpc::EndOfStream end;
  if (!decode(json, Codec::kJson, end)) {
    return base::fail(Code::kInternal, "the last frame of a stream is malformed");
  }
  if (!end.has_error()) return {};
  return base::fail(from_message(end.error()));
}

}  // namespace wrenn::connect
