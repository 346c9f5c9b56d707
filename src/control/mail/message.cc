#include "control/mail/message.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/crypto.h"
#include "base/strings.h"
#include "control/mail/address.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kMaxLine = 998;         // RFC 5322, section 2.1.1
constexpr std::size_t kMaxQuotedLine = 76;    // RFC 2045, section 6.7
constexpr std::size_t kMaxEncodedBytes = 45;  // 60 characters of Base64: RFC 2047 allows 75 in all.
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}
bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}
bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// RFC 2047: words of whole characters, each on a line of its own.
std::string encoded_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t count = std::min(kMaxEncodedBytes, text.size());
    while (count < text.size() && continues_character(text[count])) --count;
    out += concat(out.empty() ? "" : "\r\n ", "=?utf-8?B?", base::to_base64(text.substr(0, count)),
                  "?=");
    text.remove_prefix(count);
  }
  return out;
}

std::string subject_header(std::string_view subject) {
  // What looks like an encoded word would be read as one.
  if (std::ranges::all_of(subject, is_ascii) && !subject.contains("=?")) {
    return std::string(subject);
  }
  return encoded_words(subject);
}

// Without the character that ends them.
std::vector<std::string_view> lines_of(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto lines = base::split(text, '\n');
  for (auto& line : lines) {
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
  return lines;
}

bool is_plain(std::string_view line) {
  return line.size() <= kMaxLine && std::ranges::all_of(line, [](char c) {
           return is_ascii(c) && (c == '\t' || !is_control(c));
         });
}

// RFC 2045, section 6.7.
std::string quoted_printable(std::string_view line) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const bool is_space = byte == ' ' || byte == '\t';
    const bool is_literal =
        (byte > 0x20 && byte < 0x7F && byte != '=') || (is_space && i + 1 < line.size());
    const std::size_t width = is_literal ? 1 : 3;
    if (column + width > kMaxQuotedLine - 1) {
      out += "=\r\n";
      column = 0;
    }
    if (is_literal) {
      out += line[i];
    } else {
      out += '=';
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 0xF];
    }
    column += width;
  }
  return out;
}

// RFC 5322, section 3.3, in UTC.
std::string date_header(std::int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const std::size_t n =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return {text.data(), n};
}

}  // namespace

Result<void> check_mail(const Mail& mail) {
  if (!is_email(mail.to)) {
    return base::fail(Code::kInvalidArgument, "the address of a mail is none",
                      "addresses look like somebody@example.com");
  }
  if (mail.subject.empty() || mail.subject.size() > kMaxSubjectBytes ||
      !base::is_valid_utf8(mail.subject) || std::ranges::any_of(mail.subject, is_control)) {
    return base::fail(Code::kInvalidArgument,
                      concat("the subject of a mail must be one line of text of at most ",
                             kMaxSubjectBytes, " bytes"));
  }
  if (mail.text.size() > kMaxMailBytes || !base::is_valid_utf8(mail.text)) {
    return base::fail(Code::kInvalidArgument,
                      concat("a mail must be text of at most ", kMaxMailBytes, " bytes"));
  }
  return {};
}

std::string new_message_id(std::string_view from) {
  return concat(base::to_hex(base::random_bytes(16)), from.substr(from.rfind('@')));
}

std::string compose(const Mail& mail, const Envelope& envelope) {
  const auto lines = lines_of(mail.text);
  const bool is_all_plain = std::ranges::all_of(lines, is_plain);
  std::string out = concat("Date: ", date_header(envelope.date_unix_s), "\r\nFrom: Wrenn <",
                           envelope.from, ">\r\nTo: ", mail.to, "\r\nMessage-ID: <",
                           envelope.message_id, ">\r\nSubject: ", subject_header(mail.subject),
                           "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n"
                           "Content-Transfer-Encoding: ",
                           is_all_plain ? "7bit" : "quoted-printable", "\r\n\r\n");
  for (const auto line : lines) {
    out += is_all_plain ? std::string(line) : quoted_printable(line);
    out += "\r\n";
  }
  return out;
}

}  // namespace wrenn::control
