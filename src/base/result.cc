#include "base/result.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace wrenn::base {
namespace {

constexpr std::array<std::string_view, 16> kCodeNames = {
    "canceled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
};

Code code_of_errno(int number) {
  switch (number) {
    case ENOENT:
    case ESRCH:
    case ENXIO:
    case ENODEV:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
      return Code::kInvalidArgument;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kResourceExhausted;
    case ETIMEDOUT:
      return Code::kDeadlineExceeded;
    case ECANCELED:
      return Code::kCanceled;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
      return Code::kUnavailable;
    case EBUSY:
    case ENOTEMPTY:
      return Code::kFailedPrecondition;
    default:
      return Code::kInternal;
  }
}

}  // namespace

std::string_view code_name(Code code) {
  return kCodeNames.at(static_cast<std::size_t>(code));
}

Code code_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kCodeNames.size(); ++i) {
    if (kCodeNames[i] == name) return static_cast<Code>(i);
  }
  return Code::kUnknown;
}

Error Error::with_context(std::string_view context) && {
  std::string text(context);
  text += ": ";
  text += message;
  message = std::move(text);
  return std::move(*this);
}

std::string Error::to_string() const {
  return remedy.empty() ? message : message + " (" + remedy + ")";
}

Error errno_error(int error_number, std::string_view operation) {
  std::array<char, 128> buffer{};
  std::string message(operation);
  message += ": ";
  message += strerror_r(error_number, buffer.data(), buffer.size());
  return {code_of_errno(error_number), std::move(message)};
}

}  // namespace wrenn::base
