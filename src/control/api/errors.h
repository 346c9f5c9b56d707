// ApiError: what a client of the API is told when something went wrong, and how the errors of the
// parts behind the API become one. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace wrenn::control {

enum class ApiCode {
  kInvalidRequest,
  kInvalidToken,
  kLastLoginMethod,
  kUnauthorized,
  kWrongPassword,
  kForbidden,
  kAccountNotActivated,
  kAccountDisabled,
  kNotFound,
  kMethodNotAllowed,
  kConflict,
  kOwnsTeam,
  kHasActiveSandboxes,
  kInvalidState,
  kAsleep,  // Its host says it is paused; "invalid_state" on the wire.
  kPreconditionFailed,
  kTooLarge,
  kMisdirected,  // For the proxy, not for the API.
  kTooMany,
  kQuotaExceeded,
  kDbError,
  kDbUnavailable,  // "db_error" on the wire, status 503.
  kInternalError,
  kAgentError,
  kUnimplemented,  // Status 501, "agent_error" on the wire.
  kHostUnavailable,
  kNoHostsAvailable,
  kChannelFailed,  // Whoever a channel leads to did not take what it was told.
  kClientGone,     // Nobody is left to be told; never on the wire.
};
int http_status(ApiCode code);
// "invalid_request" and so on.
std::string_view wire_name(ApiCode code);

struct ApiError {
  ApiCode code = ApiCode::kInternalError;
  std::string message;  // For people; says what to do.
  std::string detail;   // For the log alone.
  // Asking again may succeed after so many seconds; 0: nothing is known of that.
  std::int64_t retry_after_sec = 0;
};

// How every function of the API answers: the origin of an error decides its code, so it is
// translated where it arises and not at the end.
template <class T>
using Answer = std::expected<T, ApiError>;

inline std::unexpected<ApiError> refuse(ApiCode code, std::string message) {
  return std::unexpected<ApiError>(ApiError{code, std::move(message)});
}

std::string for_log(const ApiError& error);
// {"error":{"code":"...","message":"..."}}
std::string error_body(const ApiError& error);

ApiError from_agent(const base::Error& error);
ApiError from_db(const base::Error& error);
// Of reading what the client sends or of writing what it gets.
ApiError from_client(const base::Error& error);

// The value, or the error as one of the API.
template <class T>
Answer<T> agent_answer(base::Result<T> result) {
  if (!result) return std::unexpected(from_agent(result.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}
template <class T>
Answer<T> db_answer(base::Result<T> result) {
  if (!result) return std::unexpected(from_db(result.error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*result);
  }
}
inline Answer<void> client_answer(base::Result<void> result) {
  if (!result) return std::unexpected(from_client(result.error()));
  return {};
}

}  // namespace wrenn::control

// WRENN_CO_TRY and its kin, for Answers.
#define API_TRY_IMPL(result, ret, expr)                                             \
  do {                                                                              \
    if (auto result = (expr); !result) {                                            \
      ret ::std::unexpected<::wrenn::control::ApiError>(std::move(result).error()); \
    }                                                                               \
  } while (false)
#define API_ASSIGN_IMPL(result, ret, decl, expr)                                             \
  auto result = (expr);                                                                      \
  if (!result) ret ::std::unexpected<::wrenn::control::ApiError>(std::move(result).error()); \
  decl = std::move(*result)
#define API_TRY(expr) API_TRY_IMPL(WRENN_CONCAT(api_r_, __COUNTER__), return, expr)
#define API_TRY_ASSIGN(decl, expr) \
  API_ASSIGN_IMPL(WRENN_CONCAT(api_r_, __COUNTER__), return, decl, expr)
#define API_CO_TRY(expr) API_TRY_IMPL(WRENN_CONCAT(api_r_, __COUNTER__), co_return, expr)
#define API_CO_TRY_ASSIGN(decl, expr) \
  API_ASSIGN_IMPL(WRENN_CONCAT(api_r_, __COUNTER__), co_return, decl, expr)
