#include "control/mail/mail_settings.h"

#include <algorithm>
#include <cstdlib>

#include "base/strings.h"
#include "control/mail/address.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::uint16_t kImplicitTlsPort = 465;

std::unexpected<base::Error> wrong(std::string_view name, std::string_view what) {
  return base::fail(Code::kInvalidArgument, concat(name, " (or WRENN_", name, ") ", what));
}

// Names and addresses, also of IPv6: what cannot end the host's part of an address.
bool is_host(std::string_view text) {
  return text.size() <= 253 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == ':';
         });
}
bool is_loopback(std::string_view host) {
  return base::equal_ignore_case(host, "localhost") || host == "::1" || host.starts_with("127.");
}

Result<MailTls> tls_of(const std::string& text, const MailSettings& settings) {
  if (text == "none") return MailTls::kNone;
  if (text == "starttls") return MailTls::kStartTls;
  if (text == "tls") return MailTls::kImplicit;
  if (!text.empty()) return wrong("SMTP_TLS", "is starttls, tls or none");
  if (settings.port == kImplicitTlsPort) return MailTls::kImplicit;
  return is_loopback(settings.host) ? MailTls::kNone : MailTls::kStartTls;
}

}  // namespace

Result<MailSettings> mail_settings(const GetVariable& get) {
  const auto value = [&get](std::string_view name) {
    const auto ours = get(concat("WRENN_", name)).value_or("");
    return ours.empty() ? get(name).value_or("") : ours;
  };
  MailSettings settings;
  settings.host = value("SMTP_HOST");
  if (!is_host(settings.host)) return wrong("SMTP_HOST", "is no name of a host");
  if (const std::string port = value("SMTP_PORT"); !port.empty()) {
    const auto number = base::parse_int<std::uint16_t>(port);
    if (!number || *number == 0) return wrong("SMTP_PORT", "is a number from 1 to 65535");
    settings.port = *number;
  }
  WRENN_TRY_ASSIGN(settings.tls, tls_of(value("SMTP_TLS"), settings));
  settings.username = value("SMTP_USERNAME");
  settings.password = base::Secret(value("SMTP_PASSWORD"));
  settings.ca_file = value("SMTP_CA_FILE");
  settings.from = value("SMTP_FROM_EMAIL");
  if (settings.host.empty() && settings.from.empty()) settings.from = "wrenn@localhost";
  if (settings.from.empty()) {
    return wrong("SMTP_FROM_EMAIL", "is missing: the address that mails are from");
  }
  if (!is_email(settings.from)) {
    return wrong("SMTP_FROM_EMAIL", "is no address; one looks like wrenn@example.com");
  }
  return settings;
}

Result<MailSettings> mail_settings_of_environment() {
  return mail_settings([](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace wrenn::control
