#include "envd/process/output_pump.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/scope.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

// What a terminal hands out at a time.
constexpr std::size_t kPtyPiece = 16 * 1024;
// For helpers that end just after the command, e.g. `> >(tee log)` in bash: how long their silence
// is waited for in all, and how much of an endless flow counts.
constexpr base::Duration kLinger = std::chrono::milliseconds(250);
constexpr std::size_t kMaxLateBytes = 16u << 20;

// Output that never lets its pump wait must not keep the loop for itself.
Task<base::Result<void>> take_turns(net::Loop& loop) {
  if (loop.spend_budget() && co_await net::LetOthersRun() == net::Woken::kStopped) {
    co_return base::fail(net::stopped_error());
  }
  co_return {};
}

}  // namespace

Task<void> OutputPump::run() {
  Next next = co_await carry_while_running();
  if (next == Next::kMore) next = co_await carry_after_exit();
  command_output_done_.set();
  // What comes now belongs to nobody; the log may go before the last writer does.
  log_.reset();
  if (next == Next::kMore) co_await discard();
  source_.reset();
}

Task<OutputPump::Next> OutputPump::carry_while_running() {
  while (!exit_.stop_requested()) {
    // Only the reading ends with the command: a slow reader still gets what the command wrote.
    const auto room = co_await log_->wait_room();
    if (!room || !co_await take_turns(source_->loop())) co_return Next::kEnd;
    const auto n = try_read(*room);
    if (n == 0U) co_return Next::kEnd;
    if (n) {
      append(*n);
    } else if (const auto woken = co_await net::with_stop(exit_.token(), wait_readable()); !woken) {
      break;
    }
  }
  co_return Next::kMore;
}

Task<OutputPump::Next> OutputPump::carry_after_exit() {
  base::Duration silence{};
  for (std::size_t carried = 0; carried < kMaxLateBytes;) {
    const auto room = co_await log_->wait_room();
    if (!room || !co_await take_turns(source_->loop())) co_return Next::kEnd;
    const auto n = try_read(*room);
    if (n == 0U) co_return Next::kEnd;
    if (n) {
      append(*n);
      carried += *n;
      continue;
    }
    if (silence >= kLinger) break;
    const auto before = base::steady_now();
    const auto woken = co_await net::with_timeout(kLinger - silence, wait_readable());
    if (!woken && woken.error().code == Code::kCanceled) co_return Next::kEnd;
    silence += base::steady_now() - before;
  }
  co_return Next::kMore;
}

Task<void> OutputPump::discard() {
  while (true) {
    if (!co_await take_turns(source_->loop())) co_return;
    const auto n = try_read(buffer_.size());
    if (n == 0U) co_return;
    if (!n && !co_await wait_readable()) co_return;
  }
}

std::optional<std::size_t> OutputPump::try_read(std::size_t size) {
  if (kind_ == OutputKind::kPty) size = std::min(size, kPtyPiece);
  std::size_t used = 0;
  while (used < size) {
    const ssize_t n = ::read(source_->get(), buffer_.data() + used, size - used);
    if (n > 0) {
      used += static_cast<std::size_t>(n);
      // A pipe gives all it has. A terminal gives at most 4 KiB at a time.
      if (kind_ != OutputKind::kPty) break;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && used == 0) return std::nullopt;
    // The end; of a terminal it is EIO, once the last process has closed it.
    break;
  }
  return used;
}

Task<base::Result<void>> OutputPump::wait_readable() {
  if (co_await source_->readable() == net::Woken::kStopped) {
    co_return base::fail(net::stopped_error());
  }
  co_return {};
}

void OutputPump::append(std::size_t size) {
  log_->append(kind_, std::string_view(buffer_.data(), size));
}

}  // namespace wrenn::envd
