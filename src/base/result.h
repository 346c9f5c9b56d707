// Result<T>: how every fallible function of Wrenn answers.
//
// An Error carries a code (the vocabulary of the Connect protocol, so that an error crosses
// processes without being translated), a message for people, and optionally a remedy: the sentence
// that says what to do next. Context is put in front of the message on the way up.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wrenn::base {

// https://connectrpc.com/docs/protocol#error-codes
enum class Code {
  kCanceled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
};
inline constexpr std::size_t kCodes = 16;

// The name on the wire, e.g. "invalid_argument".
std::string_view code_name(Code code);
// kUnknown for a name that is not in the vocabulary.
Code code_from_name(std::string_view name);

// What a program may read of an error: a message in Protocol Buffers' binary form.
struct ErrorDetail {
  std::string type;  // Its full name, e.g. "google.rpc.RetryInfo".
  std::string value;
};

struct Error {
  Code code = Code::kUnknown;
  std::string message;
  std::string remedy;
  std::vector<ErrorDetail> details{};

  Error() = default;
  Error(Code c, std::string m, std::string r = {})
      : code(c), message(std::move(m)), remedy(std::move(r)) {}

  // "context: message"; the code and the remedy stay.
  Error with_context(std::string_view context) &&;

  // Message and remedy as one text for people.
  std::string to_string() const;
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message, std::string remedy = {}) {
  return std::unexpected<Error>(Error(code, std::move(message), std::move(remedy)));
}
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

// An Error from errno: the code is derived from the number, the message reads
// "operation: No space left on device".
Error errno_error(int error_number, std::string_view operation);
inline std::unexpected<Error> fail_errno(int error_number, std::string_view operation) {
  return std::unexpected<Error>(errno_error(error_number, operation));
}

}  // namespace wrenn::base

// WRENN_TRY(expr): returns the error of a Result from the enclosing function.
// WRENN_TRY_ASSIGN(auto value, expr): the same, and keeps the value.
// WRENN_CO_TRY and WRENN_CO_TRY_ASSIGN are the forms for coroutines.
#define WRENN_CONCAT_INNER(a, b) a##b
#define WRENN_CONCAT(a, b) WRENN_CONCAT_INNER(a, b)
#define WRENN_TRY_IMPL(result, ret, expr)                 \
  do {                                                    \
    if (auto result = (expr); !result) {                  \
      ret ::wrenn::base::fail(std::move(result).error()); \
    }                                                     \
  } while (false)
#define WRENN_TRY_ASSIGN_IMPL(result, ret, decl, expr)             \
  auto result = (expr);                                            \
  if (!result) ret ::wrenn::base::fail(std::move(result).error()); \
  decl = std::move(*result)
#define WRENN_TRY(expr) WRENN_TRY_IMPL(WRENN_CONCAT(wrenn_r_, __COUNTER__), return, expr)
#define WRENN_TRY_ASSIGN(decl, expr) \
  WRENN_TRY_ASSIGN_IMPL(WRENN_CONCAT(wrenn_r_, __COUNTER__), return, decl, expr)
#define WRENN_CO_TRY(expr) WRENN_TRY_IMPL(WRENN_CONCAT(wrenn_r_, __COUNTER__), co_return, expr)
#define WRENN_CO_TRY_ASSIGN(decl, expr) \
  WRENN_TRY_ASSIGN_IMPL(WRENN_CONCAT(wrenn_r_, __COUNTER__), co_return, decl, expr)
