#include "envd/output_pump.h"

#include "net/scope.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

constexpr std::size_t kReadSize = 32 * 1024;
// For helpers that end just after the command, e.g. `> >(tee log)` in bash: how long their silence
// is waited for in all, and how much of an endless flow counts.
constexpr base::Duration kLinger = std::chrono::milliseconds(250);
constexpr std::size_t kMaxLateBytes = 16u << 20;

}  // namespace

Task<void> OutputPump::run() {
  std::string buffer(kReadSize, '\0');
  bool goes_on = co_await carry_while_running(buffer);
  if (goes_on) goes_on = co_await carry_after_exit(buffer);
  command_output_done_.set();
  if (goes_on) co_await discard(buffer);
}

Task<bool> OutputPump::carry_while_running(std::string& buffer) {
  while (!exit_.stop_requested()) {
    // Only the reading ends with the command: a slow follower still gets what was read.
    const auto n = co_await net::with_stop(exit_.token(), stream_->read_some(buffer));
    if (!n) co_return n.error().code == Code::kCanceled;
    if (*n == 0) co_return false;
    if (!co_await publish(std::string_view(buffer).substr(0, *n))) co_return false;
  }
  co_return true;
}

Task<bool> OutputPump::carry_after_exit(std::string& buffer) {
  base::Duration silence{};
  for (std::size_t carried = 0; silence < kLinger && carried < kMaxLateBytes;) {
    const auto before = base::steady_now();
    const auto n = co_await net::with_timeout(kLinger - silence, stream_->read_some(buffer));
    if (!n) co_return n.error().code == Code::kDeadlineExceeded;
    if (*n == 0) co_return false;
    silence += base::steady_now() - before;
    carried += *n;
    if (!co_await publish(std::string_view(buffer).substr(0, *n))) co_return false;
  }
  co_return true;
}

Task<void> OutputPump::discard(std::string& buffer) {
  while (true) {
    const auto n = co_await stream_->read_some(buffer);
    if (!n || *n == 0) co_return;
  }
}

Task<bool> OutputPump::publish(std::string_view bytes) {
  process::ProcessEvent event;
  auto& data = *event.mutable_data();
  (kind_ == OutputKind::kStdout ? data.mutable_stdout() : data.mutable_stderr())->assign(bytes);
  co_return (co_await process_.publish(std::move(event))).has_value();
}

}  // namespace wrenn::envd
