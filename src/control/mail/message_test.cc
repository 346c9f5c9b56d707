#include "control/mail/message.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;

const Envelope kEnvelope = {
    .from = "wrenn@example.com", .message_id = "1a2b@example.com", .date_unix_s = 1'700'000'000};

std::string body_of(const std::string& message) {
  return message.substr(message.find("\r\n\r\n") + 4);
}

TEST(Message, IsWhatMailServersTake) {
  EXPECT_EQ(
      compose({"to@example.org", "Hello", "One line.\n\n.\nhttps://example.com/?a=b\n"}, kEnvelope),
      "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
      "From: Wrenn <wrenn@example.com>\r\n"
      "To: to@example.org\r\n"
      "Message-ID: <1a2b@example.com>\r\n"
      "Subject: Hello\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 7bit\r\n"
      "\r\n"
      "One line.\r\n\r\n.\r\nhttps://example.com/?a=b\r\n");
}

TEST(Message, LineEndsAreOfOneKind) {
  EXPECT_EQ(body_of(compose({"a@b", "s", "a\r\nb\nc"}, kEnvelope)), "a\r\nb\r\nc\r\n");
  // One that stands alone is no line end; it is written so that it does no harm.
  EXPECT_EQ(body_of(compose({"a@b", "s", "a\rb"}, kEnvelope)), "a=0Db\r\n");
}

TEST(Message, WhatIsNotPlainIsQuoted) {
  const std::string message = compose({"a@b", "s", "\xC3\xBC=1 \n"}, kEnvelope);
  EXPECT_TRUE(message.contains("Content-Transfer-Encoding: quoted-printable\r\n"));
  EXPECT_EQ(body_of(message), "=C3=BC=3D1=20\r\n");

  const std::string longest(998, 'x');
  EXPECT_EQ(body_of(compose({"a@b", "s", longest}, kEnvelope)), longest + "\r\n");
  const std::string quoted = body_of(compose({"a@b", "s", longest + "x"}, kEnvelope));
  std::string joined;
  for (std::string_view line : base::split(quoted, '\n')) {
    EXPECT_LE(line.size(), 77u);
    if (line.ends_with("\r")) line.remove_suffix(1);
    if (line.ends_with("=")) line.remove_suffix(1);
    joined += line;
  }
  EXPECT_EQ(joined, longest + "x");
}

TEST(Message, SubjectsOfOtherScriptsAreEncodedInWholeCharacters) {
  const auto subject_of = [](const std::string& subject) {
    const std::string message = compose({"a@b", subject, "t"}, kEnvelope);
    const auto begin = message.find("Subject: ") + 9;
    return message.substr(begin, message.find("\r\nAuto-") - begin);
  };
  EXPECT_EQ(subject_of("Gr\xC3\xBC\xC3\x9F"
                       "e"),
            "=?utf-8?B?R3LDvMOfZQ==?=");
  EXPECT_EQ(subject_of("=?x?="), "=?utf-8?B?PT94Pz0=?=");
  std::string bird;  // Four bytes each, so none ends where a word is full.
  for (int i = 0; i < 30; ++i) bird += "\xF0\x9F\x90\xA6";
  std::string decoded;
  for (const std::string_view line : base::split(subject_of(bird), '\n')) {
    const auto word = base::trim(line);
    EXPECT_LE(word.size(), 75u);
    ASSERT_TRUE(word.starts_with("=?utf-8?B?") && word.ends_with("?="));
    const auto part = base::from_base64(word.substr(10, word.size() - 12));
    ASSERT_TRUE(part);
    EXPECT_TRUE(base::is_valid_utf8(*part));
    decoded += *part;
  }
  EXPECT_EQ(decoded, bird);
}

TEST(Message, NothingBeginsAnotherHeader) {
  EXPECT_TRUE(check_mail({"to@example.org", "Hello", "text"}));
  for (const Mail& mail :
       {Mail{"to@example.org\r\nBcc: x@y", "Hello", "text"},
        Mail{"to@example.org", "Hello\r\nBcc: x@y", "text"},
        Mail{"to@example.org", "Hello\nBcc: x@y", "text"}, Mail{"to@example.org", "a\rb", "text"},
        Mail{"to@example.org", std::string("a\0b", 3), "text"},
        Mail{"to@example.org", "\xFF", "text"}, Mail{"to@example.org", "", "text"},
        Mail{"to@example.org", std::string(kMaxSubjectBytes + 1, 'a'), "text"},
        Mail{"to@example.org", "Hello", "\xFF"},
        Mail{"to@example.org", "Hello", std::string(kMaxMailBytes + 1, 'a')},
        Mail{"", "Hello", "text"}}) {
    const auto checked = check_mail(mail);
    ASSERT_FALSE(checked) << mail.subject;
    EXPECT_EQ(checked.error().code, Code::kInvalidArgument);
    EXPECT_FALSE(checked.error().message.contains("Bcc"));
  }
}

}  // namespace
}  // namespace wrenn::control
