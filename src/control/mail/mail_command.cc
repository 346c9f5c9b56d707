#include "control/mail/mail_command.h"

#include <unistd.h>

#include "base/strings.h"
#include "base/time.h"
#include "control/mail/mail_settings.h"
#include "control/mail/message.h"
#include "control/mail/transport.h"

namespace wrenn::control {

using base::Result;

Result<void> send_test_mail(const base::Path& directory, const std::string& to) {
  WRENN_TRY_ASSIGN(const MailSettings settings, mail_settings_of_environment());
  const Mail mail = {.to = to,
                     .subject = "A test of Wrenn's mail",
                     .text = "Mail from this installation of Wrenn arrives.\n"};
  WRENN_TRY(check_mail(mail));
  const Envelope envelope = {.from = settings.from,
                             .message_id = new_message_id(settings.from),
                             .date_unix_s = base::unix_ms_now() / 1000};
  WRENN_TRY_ASSIGN(
      const std::string where,
      mail_transport(settings, directory)->send({settings.from, to, compose(mail, envelope)}, {}));
  return base::write_all(STDOUT_FILENO, base::concat("sent to ", where, "\n"));
}

}  // namespace wrenn::control
