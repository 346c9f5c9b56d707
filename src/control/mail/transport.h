// MailTransport: brings one mail, that is composed already, out of this process. Blocking; used by
// one thread at a time.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "control/mail/mail_settings.h"

namespace wrenn::control {

struct ComposedMail {
  std::string from;
  std::string to;
  std::string message;  // As compose() makes it.
};

class MailTransport {
 public:
  virtual ~MailTransport() = default;
  // Where it is now, for the log. kUnavailable: may succeed later; any other error: never will.
  // Ends soon after a stop is asked for.
  virtual base::Result<std::string> send(const ComposedMail& mail, const std::stop_token& stop) = 0;
};

// By SMTP, to the server that the settings name.
std::unique_ptr<MailTransport> smtp_transport(MailSettings settings);
// Each mail is a file of its own (0600) in this directory, which is made; it keeps the newest
// kMaxMailFiles.
std::unique_ptr<MailTransport> directory_transport(base::Path directory);
inline constexpr std::size_t kMaxMailFiles = 100;
// The first when the settings name a host, else the second.
std::unique_ptr<MailTransport> mail_transport(const MailSettings& settings,
                                              const base::Path& directory);

}  // namespace wrenn::control
