#include "control/mail/address.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::control {
namespace {

// RFC 5321, section 4.5.3.1; a path has two brackets more.
constexpr std::size_t kMaxAddress = 254;
constexpr std::size_t kMaxLocal = 64;
constexpr std::size_t kMaxLabel = 63;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
// RFC 5322, section 3.2.3.
bool is_atom_text(char c) {
  return is_alphanumeric(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c);
}

bool is_atom(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_atom_text);
}
bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabel && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

}  // namespace

bool is_email(std::string_view text) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos || at > kMaxLocal || text.size() > kMaxAddress) return false;
  return std::ranges::all_of(base::split(text.substr(0, at), '.'), is_atom) &&
         std::ranges::all_of(base::split(text.substr(at + 1), '.'), is_label);
}

}  // namespace wrenn::control
