#include "agent/exec.h"

#include "agent/process_events.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/scope.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace pb = hostagent::v1;

}  // namespace

net::Task<Result<void>> Exec::run(const pb::ExecStreamRequest& request,
                                  const connect::CallContext& context) {
  const std::chrono::seconds limit(request.timeout_sec());
  auto result = limit.count() > 0 ? co_await net::with_timeout(limit, run_command(request))
                                  : co_await run_command(request);
  if (pid_ == 0 || has_ended_) co_return result;
  const bool is_late =
      !result && (result.error().code == Code::kDeadlineExceeded || context.deadline_passed());
  if (request.detached() && !is_late) co_return result;
  // Its caller is not the one who left: a command that is paused goes on when its sandbox does.
  if (sandbox_end_.stop_requested()) co_return result;
  if (auto killed = co_await net::with_stop(sandbox_end_, kill());
      !killed && !sandbox_end_.stop_requested()) {
    base::log_warn("a command may still be running", {{"pid", pid_}, {"error", killed.error()}});
  }
  if (is_late && limit.count() > 0) {
    co_return base::fail(Code::kDeadlineExceeded, concat("the command did not end within ",
                                                         limit.count(), " s and was killed"));
  }
  co_return result;
}

net::Task<Result<GuestClient::Events>> Exec::start(const pb::ExecStreamRequest& request) {
  // Our own clock comes first, unless this agent is no longer there.
  constexpr auto kGrace = std::chrono::seconds(2);
  const std::chrono::seconds limit(request.timeout_sec());
  WRENN_CO_TRY_ASSIGN(
      auto events,
      co_await guest_.start({.cmd = request.cmd(),
                             .args = {request.args().begin(), request.args().end()},
                             .envs = {request.envs().begin(), request.envs().end()},
                             .cwd = request.cwd(),
                             .user = request.user(),
                             .tag = request.tag(),
                             .limit = limit.count() > 0 ? limit + kGrace : base::Duration(),
                             .has_stdin = request.stdin(),
                             .pty = {}}));
  WRENN_CO_TRY_ASSIGN(const auto first, co_await events.next());
  if (!first || !first->event().has_start()) {
    co_return base::fail(Code::kInternal, "the guest did not say that the command started");
  }
  pid_ = first->event().start().pid();
  co_return std::move(events);
}

net::Task<Result<void>> Exec::run_command(const pb::ExecStreamRequest& request) {
  constexpr auto kStartTimeout = std::chrono::seconds(30);
  // Not cut short by a caller who leaves: a command that may have started can be killed only once
  // its pid is known.
  WRENN_CO_TRY_ASSIGN(
      auto events,
      co_await net::with_stop(sandbox_end_, net::with_timeout(kStartTimeout, start(request))));
  pb::ExecStreamResponse started;
  started.mutable_start()->set_pid(pid_);
  WRENN_CO_TRY(co_await out_.write(started));
  while (!has_ended_) {
    WRENN_CO_TRY_ASSIGN(const auto message, co_await events.next());
    if (!message) co_return base::fail(Code::kUnavailable, "the guest cut the command's output");
    WRENN_CO_TRY(co_await forward(message->event()));
  }
  co_return {};
}

net::Task<Result<void>> Exec::forward(const process::ProcessEvent& event) {
  pb::ExecStreamResponse message;
  if (!to_exec_event(event, offset_, message)) co_return {};
  has_ended_ = message.has_end();
  co_return co_await out_.write(message);
}

net::Task<Result<void>> Exec::kill() {
  constexpr auto kTimeout = std::chrono::seconds(5);
  process::ProcessSelector selector;
  selector.set_pid(pid_);
  auto killed = co_await net::with_timeout(
      kTimeout, guest_.signal(std::move(selector), process::SIGNAL_SIGKILL));
  if (!killed && killed.error().code == Code::kNotFound) co_return {};
  co_return killed;
}

}  // namespace wrenn::agent
