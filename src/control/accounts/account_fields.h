// What people may be called, in the form in which it is kept. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "control/api/errors.h"

namespace wrenn::control {

inline constexpr std::size_t kMinPassword = 8;
inline constexpr std::size_t kMaxPassword = 256;

// An address of mail, as is_email() says, in lower case and without space around it.
Answer<std::string> normal_email(std::string_view text);
// From 1 to 100 bytes of text in one line.
Answer<std::string> normal_person_name(std::string_view text);
// From 1 to 128 letters, digits, spaces and _-@'; letters of any script.
Answer<std::string> normal_team_name(std::string_view text);
Answer<void> check_new_password(const base::Secret& password);

}  // namespace wrenn::control
