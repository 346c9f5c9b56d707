// The id of a request: it goes with the request through all programs, and stands in what each of
// them logs about it. Pure but for the random one.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wrenn::base {

// On every hop; also what answers have.
inline constexpr std::string_view kRequestIdField = "X-Request-Id";
inline constexpr std::size_t kMaxRequestId = 64;

// 1 to kMaxRequestId of letters, digits, '-', '_' and '.': what a log and a header can hold as it
// is.
bool is_request_id(std::string_view text);
// "req-" and 16 hexadecimal digits.
std::string new_request_id();
// What the caller gave, when it is one; a new one else.
std::string request_id_of(std::optional<std::string_view> given);

}  // namespace wrenn::base
