#include "control/mail/mailer.h"

#include "base/log.h"

namespace wrenn::control {

using base::Code;
using base::Result;

Mailer::Mailer(std::unique_ptr<MailTransport> transport, MailerOptions options)
    : transport_(std::move(transport)), options_(std::move(options)), thread_([this] { work(); }) {}

Mailer::~Mailer() {
  {
    std::unique_lock lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, options_.grace, [this] { return waiting_.empty() && !is_sending_; });
    stop_.request_stop();
    changed_.notify_all();
  }
  thread_.join();
  if (!waiting_.empty()) {
    base::log_warn("mails were not sent, and are lost", {{"count", waiting_.size()}});
  }
}

Result<void> Mailer::send(Mail mail) {
  WRENN_TRY(check_mail(mail));
  Waiting waiting{.to = mail.to, .message_id = new_message_id(options_.from)};
  waiting.message = compose(mail, {.from = options_.from,
                                   .message_id = waiting.message_id,
                                   .date_unix_s = base::unix_ms_now() / 1000});
  const std::lock_guard lock(mutex_);
  if (is_ending_ || waiting_.size() >= options_.max_waiting) {
    return base::fail(Code::kResourceExhausted, "too many mails wait to be sent",
                      "try again in a moment");
  }
  waiting_.emplace(base::steady_now(), std::move(waiting));
  changed_.notify_all();
  return {};
}

void Mailer::work() {
  while (auto mail = next()) {
    try_to_send(*std::move(mail));
    const std::lock_guard lock(mutex_);
    is_sending_ = false;
    changed_.notify_all();
  }
}

std::optional<Mailer::Waiting> Mailer::next() {
  std::unique_lock lock(mutex_);
  while (!stop_.stop_requested()) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const base::SteadyTime due = waiting_.begin()->first;
    if (!is_ending_ && due > base::steady_now()) {
      changed_.wait_until(lock, due);
      continue;
    }
    is_sending_ = true;
    return std::move(waiting_.extract(waiting_.begin()).mapped());
  }
  return std::nullopt;
}

void Mailer::try_to_send(Waiting mail) {
  const auto sent = transport_->send({options_.from, mail.to, mail.message}, stop_.get_token());
  ++mail.tries;
  if (sent) {
    base::log_info("mail sent", {{"to", mail.to},
                                 {"where", *sent},
                                 {"message_id", mail.message_id},
                                 {"tries", mail.tries}});
    return;
  }
  const std::lock_guard lock(mutex_);
  const bool may_succeed = sent.error().code == Code::kUnavailable;
  if (!may_succeed || mail.tries >= options_.max_tries || is_ending_) {
    base::log_error("a mail was not sent", {{"to", mail.to},
                                            {"message_id", mail.message_id},
                                            {"tries", mail.tries},
                                            {"error", sent.error()}});
    return;
  }
  auto pause = options_.first_pause;
  for (int i = 1; i < mail.tries; ++i) pause *= 3;
  base::log_warn("a mail could not be sent yet", {{"to", mail.to},
                                                  {"message_id", mail.message_id},
                                                  {"again_in_ms", base::to_ms(pause)},
                                                  {"error", sent.error()}});
  waiting_.emplace(base::steady_now() + pause, std::move(mail));
}

}  // namespace wrenn::control
