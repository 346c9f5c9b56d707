// Mailer: sends mail in the background. What waits is in memory alone: mails that were not sent
// when the process dies are lost, so whoever needs one must be able to ask for it again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"
#include "control/mail/message.h"
#include "control/mail/transport.h"

namespace wrenn::control {

struct MailerOptions {
  std::string from = "wrenn@localhost";
  std::size_t max_waiting = 1000;
  // A mail that could not be sent for now is tried again after this time, then after three times
  // as long, and so on: with these values for about seven minutes.
  int max_tries = 5;
  base::Duration first_pause = std::chrono::seconds(10);
  // At the end, mails that wait are tried once more for at most so long.
  base::Duration grace = std::chrono::seconds(3);
};

// Thread-safe.
class Mailer {
 public:
  Mailer(std::unique_ptr<MailTransport> transport, MailerOptions options);
  Mailer(const Mailer&) = delete;
  Mailer& operator=(const Mailer&) = delete;
  // Blocks for little more than the grace.
  ~Mailer();

  // Never waits. kInvalidArgument as check_mail() says, kResourceExhausted when too many wait.
  // What becomes of the mail is in the log, without its subject and its text.
  base::Result<void> send(Mail mail);

 private:
  struct Waiting {
    std::string to;
    std::string message_id;
    std::string message;
    int tries = 0;
  };
  void work();
  // One mail that is due, or nothing at the end.
  std::optional<Waiting> next();
  void try_to_send(Waiting mail);

  const std::unique_ptr<MailTransport> transport_;
  const MailerOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<base::SteadyTime, Waiting> waiting_;  // By when they are due.
  bool is_sending_ = false;
  bool is_ending_ = false;  // What waits is tried once more, at once.
  std::stop_source stop_;   // No more of anything.
  std::thread thread_;      // The last: it uses the others.
};

}  // namespace wrenn::control
