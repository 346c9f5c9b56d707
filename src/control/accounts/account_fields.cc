#include "control/accounts/account_fields.h"

#include <algorithm>

#include "base/strings.h"
#include "control/mail/address.h"

namespace wrenn::control {
namespace {

using base::concat;

bool is_plain_line(std::string_view text) {
  return base::is_valid_utf8(text) && std::ranges::all_of(text, [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
         });
}

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

Answer<std::string> normal_email(std::string_view text) {
  std::string email = base::to_lower(base::trim(text));
  if (is_email(email)) return email;
  return refuse(ApiCode::kInvalidRequest, "'email' must be an address like ann@example.com");
}

Answer<std::string> normal_person_name(std::string_view text) {
  constexpr std::size_t kMax = 100;
  const auto name = base::trim(text);
  if (!name.empty() && name.size() <= kMax && is_plain_line(name)) return std::string(name);
  return refuse(ApiCode::kInvalidRequest,
                concat("'name' must be from 1 to ", kMax, " bytes of text in one line"));
}

Answer<std::string> normal_team_name(std::string_view text) {
  constexpr std::size_t kMax = 128;
  constexpr std::string_view kOthers = " _-@'";
  const auto name = base::trim(text);
  const bool is_good = !name.empty() && name.size() <= kMax && base::is_valid_utf8(name) &&
                       std::ranges::all_of(name, [&](char c) {
                         return is_word_byte(c) || kOthers.find(c) != std::string_view::npos;
                       });
  if (is_good) return std::string(name);
  return refuse(ApiCode::kInvalidRequest, concat("'name' must be from 1 to ", kMax,
                                                 " bytes of letters, digits, spaces and _ - @ '"));
}

Answer<void> check_new_password(const base::Secret& password) {
  const std::size_t size = password.reveal().size();
  if (size >= kMinPassword && size <= kMaxPassword) return {};
  return refuse(ApiCode::kInvalidRequest,
                concat("a password needs from ", kMinPassword, " to ", kMaxPassword, " bytes"));
}

}  // namespace wrenn::control
