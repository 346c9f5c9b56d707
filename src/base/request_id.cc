#include "base/request_id.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::base {

bool is_request_id(std::string_view text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kMaxRequestId && std::ranges::all_of(text, is_plain);
}

std::string new_request_id() {
  return concat("req-", to_hex(random_bytes(8)));
}

std::string request_id_of(std::optional<std::string_view> given) {
  return given && is_request_id(*given) ? std::string(*given) : new_request_id();
}

}  // namespace wrenn::base
