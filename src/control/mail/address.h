// Addresses of mail. Pure and thread-safe.
#pragma once

#include <string_view>

namespace wrenn::control {

// LOCAL@DOMAIN as it is used everywhere: ASCII, at most 254 bytes, nothing quoted and no comments,
// so also no spaces, no line ends and nothing else that means something in a header or to SMTP.
// Whether such an address exists only a mail to it tells.
bool is_email(std::string_view text);

}  // namespace wrenn::control
