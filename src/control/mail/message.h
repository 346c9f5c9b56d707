// Mail, and how it looks on its way (RFC 5322). Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::control {

struct Mail {
  std::string to;       // One address.
  std::string subject;  // UTF-8, one line.
  std::string text;     // UTF-8, lines of any length that end with "\n" or "\r\n".
};
inline constexpr std::size_t kMaxSubjectBytes = 500;
inline constexpr std::size_t kMaxMailBytes = 256 << 10;

// kInvalidArgument when it cannot be sent as it stands, above all for line ends and other control
// characters where they would begin another header. The message names no content.
base::Result<void> check_mail(const Mail& mail);

struct Envelope {
  std::string from;              // An address.
  std::string message_id;        // Without its brackets.
  std::int64_t date_unix_s = 0;  // Seconds since 1970 UTC.
};
// Without brackets, by chance, and of the sender's domain.
std::string new_message_id(std::string_view from);
// Of a mail that check_mail() found good: headers and body, all ASCII, with CR LF and no line of
// more than 998 bytes. Dots at the beginning of lines are as they are.
std::string compose(const Mail& mail, const Envelope& envelope);

}  // namespace wrenn::control
