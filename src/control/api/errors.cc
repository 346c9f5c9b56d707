#include "control/api/errors.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;

struct CodeInfo {
  int status;
  std::string_view name;
};

CodeInfo info_of(ApiCode code) {
  switch (code) {
    case ApiCode::kInvalidRequest:
      return {400, "invalid_request"};
    case ApiCode::kUnauthorized:
      return {401, "unauthorized"};
    case ApiCode::kForbidden:
      return {403, "forbidden"};
    case ApiCode::kNotFound:
      return {404, "not_found"};
    case ApiCode::kMethodNotAllowed:
      return {405, "method_not_allowed"};
    case ApiCode::kConflict:
      return {409, "conflict"};
    case ApiCode::kInvalidState:
    case ApiCode::kAsleep:
      return {409, "invalid_state"};
    case ApiCode::kTooLarge:
      return {413, "too_large"};
    case ApiCode::kMisdirected:
      return {421, "misdirected_request"};
    case ApiCode::kTooMany:
      return {429, "too_many"};
    case ApiCode::kDbError:
      return {500, "db_error"};
    case ApiCode::kAgentError:
      return {502, "agent_error"};
    case ApiCode::kUnimplemented:
      return {501, "agent_error"};
    case ApiCode::kHostUnavailable:
      return {503, "host_unavailable"};
    case ApiCode::kNoHostsAvailable:
      return {503, "no_hosts_available"};
    case ApiCode::kInternalError:
    case ApiCode::kClientGone:
      break;
  }
  return {500, "internal_error"};
}

ApiCode code_of_agent_error(Code code) {
  switch (code) {
    case Code::kNotFound:
      return ApiCode::kNotFound;
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    // Calls to hosts need no names of users; it is the guest that does not know one.
    case Code::kUnauthenticated:
      return ApiCode::kInvalidRequest;
    case Code::kFailedPrecondition:
    case Code::kAlreadyExists:
      return ApiCode::kConflict;
    case Code::kPermissionDenied:
      return ApiCode::kForbidden;
    case Code::kUnavailable:
      return ApiCode::kHostUnavailable;
    case Code::kResourceExhausted:
      return ApiCode::kNoHostsAvailable;
    case Code::kUnimplemented:
      return ApiCode::kUnimplemented;
    default:
      return ApiCode::kAgentError;
  }
}

}  // namespace

int http_status(ApiCode code) {
  return info_of(code).status;
}
std::string_view wire_name(ApiCode code) {
  return info_of(code).name;
}

std::string error_body(const ApiError& error) {
  boost::json::object inner;
  inner["code"] = wire_name(error.code);
  // What a host says is passed on, and may hold bytes of a file name that are not text.
  inner["message"] = base::is_valid_utf8(error.message) ? error.message : "the host failed";
  boost::json::object outer;
  outer["error"] = std::move(inner);
  return boost::json::serialize(outer);
}

ApiError from_agent(const base::Error& error) {
  if (error.code == Code::kCanceled) return {ApiCode::kClientGone, error.message};
  const ApiCode code = code_of_agent_error(error.code);
  if (code == ApiCode::kHostUnavailable && error.remedy.empty()) {
    return {code, concat("the host agent does not answer (", error.message,
                         "); is it running? `wrenn doctor` tells, `wrenn up` starts it")};
  }
  if (error.code == Code::kDeadlineExceeded && error.remedy.empty()) {
    return {code, concat("the host agent was too slow: ", error.message, "; try again")};
  }
  if (error.message.contains("is paused")) {
    if (error.code == Code::kFailedPrecondition) {
      return {ApiCode::kAsleep, concat(error.message, "; resume it and ask again")};
    }
    if (error.code == Code::kAborted) {
      return {ApiCode::kInvalidState,
              concat(error.message, "; resume it, and connect to the process again")};
    }
  }
  return {code, error.to_string()};
}

ApiError from_db(const base::Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return {ApiCode::kNotFound, error.to_string()};
    case Code::kUnauthenticated:
      return {ApiCode::kUnauthorized, error.to_string()};
    case Code::kCanceled:
      return {ApiCode::kClientGone, error.message};
    default:
      return {ApiCode::kDbError, concat("the database failed: ", error.to_string())};
  }
}

ApiError from_client(const base::Error& error) {
  switch (error.code) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
      return {ApiCode::kInvalidRequest, error.to_string()};
    case Code::kDeadlineExceeded:
      return {ApiCode::kInvalidRequest,
              "the rest of the request did not come in time; send it anew"};
    case Code::kResourceExhausted:
      return {ApiCode::kTooLarge, error.to_string()};
    default:
      return {ApiCode::kClientGone, error.message};
  }
}

}  // namespace wrenn::control
