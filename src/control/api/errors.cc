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
    case ApiCode::kInvalidToken:
      return {400, "invalid_token"};
    case ApiCode::kLastLoginMethod:
      return {400, "last_login_method"};
    case ApiCode::kUnauthorized:
      return {401, "unauthorized"};
    case ApiCode::kWrongPassword:
      return {401, "wrong_password"};
    case ApiCode::kForbidden:
      return {403, "forbidden"};
    case ApiCode::kAccountNotActivated:
      return {403, "account_not_activated"};
    case ApiCode::kAccountDisabled:
      return {403, "account_disabled"};
    case ApiCode::kNotFound:
      return {404, "not_found"};
    case ApiCode::kMethodNotAllowed:
      return {405, "method_not_allowed"};
    case ApiCode::kConflict:
      return {409, "conflict"};
    case ApiCode::kOwnsTeam:
      return {409, "owns_team_with_members"};
    case ApiCode::kHasActiveSandboxes:
      return {409, "has_active_sandboxes"};
    case ApiCode::kInvalidState:
    case ApiCode::kAsleep:
      return {409, "invalid_state"};
    case ApiCode::kPreconditionFailed:
      return {412, "precondition_failed"};
    case ApiCode::kTooLarge:
      return {413, "too_large"};
    case ApiCode::kMisdirected:
      return {421, "misdirected_request"};
    case ApiCode::kTooMany:
      return {429, "too_many"};
    case ApiCode::kQuotaExceeded:
      return {429, "quota_exceeded"};
    case ApiCode::kDbError:
      return {500, "db_error"};
    case ApiCode::kDbUnavailable:
      return {503, "db_error"};
    case ApiCode::kAgentError:
      return {502, "agent_error"};
    case ApiCode::kUnimplemented:
      return {501, "agent_error"};
    case ApiCode::kHostUnavailable:
      return {503, "host_unavailable"};
    case ApiCode::kNoHostsAvailable:
      return {503, "no_hosts_available"};
    case ApiCode::kChannelFailed:
      return {422, "channel_failed"};
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

// What nobody foresaw is told in the words of the host's system: its files, programs and addresses,
// which are nobody's business.
bool tells_of_the_inside(Code code) {
  return code == Code::kInternal || code == Code::kUnknown || code == Code::kDataLoss;
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
    return {code,
            "the host agent does not answer; is it running? `wrenn doctor` tells, `wrenn up` "
            "starts it",
            error.message};
  }
  if (tells_of_the_inside(error.code)) {
    return {code, "the host failed; the control plane's log says how", error.to_string()};
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

std::string for_log(const ApiError& error) {
  return error.detail.empty() ? error.message : concat(error.message, " (", error.detail, ")");
}

ApiError from_db(const base::Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return {ApiCode::kNotFound, error.to_string()};
    case Code::kUnauthenticated:
      return {ApiCode::kUnauthorized, error.to_string()};
    case Code::kInvalidArgument:
      return {ApiCode::kInvalidRequest, error.to_string()};
    case Code::kOutOfRange:
      return {ApiCode::kQuotaExceeded, error.to_string()};
    case Code::kCanceled:
      return {ApiCode::kClientGone, error.message};
    case Code::kUnavailable:
      return {ApiCode::kDbUnavailable, "the database does not answer; try again in a moment",
              error.to_string()};
    case Code::kResourceExhausted:
      return {ApiCode::kDbError,
              "the database's disk is full, or too much is asked of it; free space there, or try "
              "again in a moment",
              error.to_string()};
    default:
      return {ApiCode::kDbError, "the database failed; the control plane's log says how",
              error.to_string()};
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
