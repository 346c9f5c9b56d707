#include "connect/error.h"

#include <map>
#include <utility>

#include "base/json_text.h"
#include "base/strings.h"
#include "connect/base64.h"
#include "connect/codec.h"
#include "proto/connect.pb.h"

namespace wrenn::connect {
namespace {

using base::Code;

void append_error(std::string& out, const base::Error& error) {
  out += "{\"code\":";
  base::append_json_string(out, base::code_name(error.code));
  if (!error.message.empty()) {
    out += ",\"message\":";
    base::append_json_string(out, error.message);
  }
  if (!error.remedy.empty()) {
    out += ",\"remedy\":";
    base::append_json_string(out, error.remedy);
  }
  for (std::size_t i = 0; i < error.details.size(); ++i) {
    out += i == 0 ? ",\"details\":[" : ",";
    out += "{\"type\":";
    base::append_json_string(out, error.details[i].type);
    out += ",\"value\":";
    base::append_json_string(out, to_unpadded_base64(error.details[i].value));
    out += '}';
  }
  if (!error.details.empty()) out += ']';
  out += '}';
}

// The fields of one name become one list.
void append_metadata(std::string& out, const net::Headers& metadata) {
  std::map<std::string, std::string> lists;
  for (std::size_t i = 0; i < metadata.size(); ++i) {
    std::string& list = lists[base::to_lower(metadata[i].name)];
    list += list.empty() ? '[' : ',';
    base::append_json_string(list, metadata[i].value);
  }
  char separator = '{';
  for (const auto& [name, list] : lists) {
    out += std::exchange(separator, ',');
    base::append_json_string(out, name);
    out += ':';
    out += list;
    out += ']';
  }
  out += '}';
}

base::Error from_message(const connectrpc::Error& message, Code fallback) {
  const Code code = base::code_from_name(message.code());
  const bool is_known = base::code_name(code) == message.code();
  base::Error error(is_known ? code : fallback, message.message(), message.remedy());
  for (const connectrpc::ErrorDetail& detail : message.details()) {
    auto value = base::from_any_base64(detail.value());
    if (value) error.details.push_back({detail.type(), std::move(*value)});
  }
  return error;
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
  std::string json;
  append_error(json, error);
  return json;
}

std::optional<base::Error> parse_error_json(std::string_view json, std::optional<Code> fallback) {
  connectrpc::Error message;
  if (!decode(json, Codec::kJson, message)) return std::nullopt;
  const bool is_known = base::code_name(base::code_from_name(message.code())) == message.code();
  // Without a code of this vocabulary, e.g. {"code":404}, it may well be somebody else's.
  if (!is_known && !fallback) return std::nullopt;
  return from_message(message, fallback.value_or(Code::kUnknown));
}

std::string end_of_stream_json(const base::Error* error, const net::Headers& metadata) {
  std::string json = "{";
  if (error != nullptr) {
    json += "\"error\":";
    append_error(json, *error);
  }
  if (metadata.size() > 0) {
    json += error != nullptr ? ",\"metadata\":" : "\"metadata\":";
    append_metadata(json, metadata);
  }
  json += '}';
  return json;
}

base::Result<EndOfStream> parse_end_of_stream(std::string_view json) {
  EndOfStream end;
  if (json == "{}") return end;
  connectrpc::EndOfStream message;
  if (!decode(json, Codec::kJson, message)) {
    return base::fail(Code::kInternal, "the last frame of a stream is malformed");
  }
  if (message.has_error()) end.error = from_message(message.error(), Code::kUnknown);
  for (const auto& [name, list] : message.metadata()) {
    for (const auto& value : list.values()) {
      if (net::is_token(name) && net::is_field_value(value.string_value())) {
        end.metadata.add(name, value.string_value());
      }
    }
  }
  return end;
}

}  // namespace wrenn::connect
