#include "control/mail/mail_settings.h"

#include <map>

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

base::Result<MailSettings> settings_of(const Variables& variables) {
  return mail_settings([&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(MailSettings, NothingSaidIsForDevelopment) {
  const auto settings = settings_of({});
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->host.empty());
  EXPECT_FALSE(settings->from.empty());
}

TEST(MailSettings, OursCountMore) {
  const auto settings = settings_of({{"SMTP_HOST", "a.example"},
                                     {"WRENN_SMTP_HOST", "b.example"},
                                     {"SMTP_PORT", "2525"},
                                     {"WRENN_SMTP_PORT", ""},
                                     {"SMTP_USERNAME", "u"},
                                     {"WRENN_SMTP_PASSWORD", "p"},
                                     {"SMTP_FROM_EMAIL", "wrenn@example.com"}});
  ASSERT_TRUE(settings) << settings.error().to_string();
  EXPECT_EQ(settings->host, "b.example");
  EXPECT_EQ(settings->port, 2525);
  EXPECT_EQ(settings->username, "u");
  EXPECT_EQ(settings->password.reveal(), "p");
  EXPECT_EQ(settings->from, "wrenn@example.com");
}

TEST(MailSettings, EncryptsUnlessItStaysHere) {
  const auto tls_of = [](Variables variables) {
    variables.emplace("SMTP_HOST", "mail.example.com");
    variables.emplace("SMTP_FROM_EMAIL", "wrenn@example.com");
    return settings_of(variables).value().tls;
  };
  EXPECT_EQ(tls_of({}), MailTls::kStartTls);
  EXPECT_EQ(tls_of({{"SMTP_PORT", "25"}}), MailTls::kStartTls);
  EXPECT_EQ(tls_of({{"SMTP_PORT", "465"}}), MailTls::kImplicit);
  EXPECT_EQ(tls_of({{"SMTP_HOST", "localhost"}}), MailTls::kNone);
  EXPECT_EQ(tls_of({{"SMTP_HOST", "127.0.0.1"}}), MailTls::kNone);
  EXPECT_EQ(tls_of({{"SMTP_HOST", "::1"}}), MailTls::kNone);
  EXPECT_EQ(tls_of({{"SMTP_HOST", "localhost"}, {"SMTP_TLS", "starttls"}}), MailTls::kStartTls);
  EXPECT_EQ(tls_of({{"SMTP_TLS", "none"}}), MailTls::kNone);
  EXPECT_EQ(tls_of({{"SMTP_TLS", "tls"}}), MailTls::kImplicit);
}

TEST(MailSettings, WhatIsWrongIsNamed) {
  const Variables good = {{"SMTP_HOST", "a.example"}, {"SMTP_FROM_EMAIL", "wrenn@example.com"}};
  for (const auto& [name, value] : Variables{{"SMTP_HOST", "a/b"},
                                             {"SMTP_PORT", "0"},
                                             {"SMTP_PORT", "65536"},
                                             {"SMTP_FROM_EMAIL", "Wrenn <wrenn@example.com>"},
                                             {"SMTP_TLS", "maybe"}}) {
    Variables variables = good;
    variables[name] = value;
    const auto settings = settings_of(variables);
    ASSERT_FALSE(settings) << name << "=" << value;
    EXPECT_TRUE(settings.error().message.contains(name)) << settings.error().message;
  }
  EXPECT_FALSE(settings_of({{"SMTP_HOST", "a.example"}}));
}

}  // namespace
}  // namespace wrenn::control
