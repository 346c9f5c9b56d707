#include "storage/name.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;

constexpr std::size_t kMaxName = 64;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_name_char(char c) {
  return is_alnum(c) || c == '.' || c == '_' || c == '-';
}
bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

bool is_temporary_name(std::string_view file_name) {
  constexpr std::string_view kMark = ".tmp-";
  constexpr std::size_t kDigits = 12;
  if (file_name.size() < kMark.size() + kDigits) return false;
  const auto tail = file_name.substr(file_name.size() - kMark.size() - kDigits);
  return tail.starts_with(kMark) && std::ranges::all_of(tail.substr(kMark.size()), is_lower_hex);
}

base::Result<Name> Name::parse(std::string_view kind, std::string_view text) {
  const bool valid = !text.empty() && text.size() <= kMaxName && is_alnum(text.front()) &&
                     std::ranges::all_of(text, is_name_char) && !is_temporary_name(text);
  if (!valid) {
    // The text itself stays out of the message: it may be long or unprintable.
    return base::fail(Code::kInvalidArgument, concat("invalid ", kind),
                      "use 1 to 64 letters, digits, '.', '_' and '-', a letter or digit first");
  }
  return Name(std::string(text));
}

}  // namespace wrenn::storage
