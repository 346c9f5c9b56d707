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

}  // namespace wrenn::connect
