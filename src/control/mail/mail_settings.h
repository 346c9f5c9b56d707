// How mail leaves the installation, as the environment says. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"

namespace wrenn::control {

enum class MailTls {
  kImplicit,  // From the first byte on.
  kStartTls,  // Before anything is said; required.
  kNone,
};

struct MailSettings {
  std::string host;  // Empty: mails become files.
  std::uint16_t port = 587;
  MailTls tls = MailTls::kStartTls;
  std::string username;  // Empty: no authentication.
  base::Secret password;
  std::string from;
  std::string ca_file;  // Certificates to trust instead of the system's.
};

// The variable's value, or nothing.
using GetVariable = std::function<std::optional<std::string>(std::string_view name)>;

// SMTP_HOST, SMTP_PORT, SMTP_USERNAME, SMTP_PASSWORD, SMTP_FROM_EMAIL, SMTP_TLS and SMTP_CA_FILE;
// for each, the same with WRENN_ in front counts more. Empty is as good as not there.
// kInvalidArgument names the variable that is wrong.
base::Result<MailSettings> mail_settings(const GetVariable& get);
// The same, of this process. Not while another thread changes its environment.
base::Result<MailSettings> mail_settings_of_environment();

}  // namespace wrenn::control
