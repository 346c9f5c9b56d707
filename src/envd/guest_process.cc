#include "envd/guest_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace wrenn::envd {

using base::Code;
using net::Task;

std::shared_ptr<EventQueue> GuestProcess::follow() {
  return followers_.emplace_back(std::make_shared<EventQueue>(kQueuedEvents));
}

void GuestProcess::unfollow(const std::shared_ptr<EventQueue>& queue) {
  // Whoever is just sending to it learns that nobody reads any more.
  queue->close();
  std::erase(followers_, queue);
}

Task<base::Result<void>> GuestProcess::publish(process::ProcessEvent event) {
  const auto followers = followers_;  // They come and go while a slow one is waited for.
  for (const auto& follower : followers) {
    const auto sent = co_await follower->send(event);
    if (!sent && sent.error().code == Code::kCanceled) co_return sent;
  }
  co_return {};
}

Task<base::Result<void>> GuestProcess::publish_end(process::ProcessEvent event) {
  auto published = co_await publish(std::move(event));
  for (const auto& follower : followers_) follower->close();
  co_return published;
}

Task<base::Result<void>> GuestProcess::write_input(std::string bytes) {
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await input_mutex_.lock());
  if (input_ == nullptr) {
    co_return base::fail(Code::kFailedPrecondition, "the input of this command is closed",
                         "start it with stdin to be able to write to it");
  }
  auto written = co_await input_->write_all(bytes);
  if (!written && written.error().code == Code::kUnavailable) {
    co_return base::fail(Code::kFailedPrecondition, "the command has closed its input");
  }
  co_return written;
}

Task<base::Result<void>> GuestProcess::close_input() {
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await input_mutex_.lock());
  input_.reset();
  co_return {};
}

base::Result<void> GuestProcess::signal(int number) const {
  // A group that is gone needs no signal.
  if (::kill(-pid_, number) == 0 || errno == ESRCH) return {};
  return base::fail_errno(errno, "cannot send a signal");
}

}  // namespace wrenn::envd
