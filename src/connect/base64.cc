#include "connect/base64.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::connect {

std::string to_unpadded_base64(std::string_view bytes) {
  std::string text = base::to_base64(bytes);
  text.erase(text.find_last_not_of('=') + 1);
  return text;
}

std::string to_url_base64(std::string_view bytes) {
  std::string text = to_unpadded_base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

std::optional<std::string> from_any_base64(std::string_view text) {
  constexpr std::size_t kGroup = 4;
  std::string standard(text);
  std::ranges::replace(standard, '-', '+');
  std::ranges::replace(standard, '_', '/');
  while (standard.size() % kGroup != 0) standard += '=';
  return base::from_base64(standard);
}

}  // namespace wrenn::connect
