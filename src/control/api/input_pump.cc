#include "control/api/input_pump.h"

#include "control/hosts/lasting_stream.h"
#include "net/scope.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::Result;
using net::Task;
using Kind = ClientInput::Kind;

// An open call without input for so long is ended; the next byte begins a new one.
constexpr auto kIdle = std::chrono::seconds(10);
// What was typed before a kill is delivered first, unless the process does not read.
constexpr auto kBeforeKill = std::chrono::seconds(1);

template <class Request>
void name_process(const ProcessSelector& process, Request& request) {
  if (process.pid != 0) {
    request.set_pid(process.pid);
  } else {
    request.set_tag(process.tag);
  }
}

}  // namespace

Task<Answer<void>> InputPump::run() {
  co_return agent_answer(co_await run_now());
}

Task<Result<void>> InputPump::run_now() {
  while (true) {
    auto input = stream_ ? co_await net::with_timeout(kIdle, queue_.pop()) : co_await queue_.pop();
    const bool is_idle = !input && input.error().code == Code::kDeadlineExceeded;
    if (!input && !is_idle) co_return base::fail(std::move(input).error());
    const bool is_last = input && !*input;
    auto done = is_idle || is_last ? co_await finish_stream()
                                   : co_await deliver_at_last(std::move(**input));
    if (!done && is_idle && is_absence(done.error())) done = {};
    if (!done && done.error().code == Code::kFailedPrecondition) is_deaf_ = true;
    // Its end is told where its output is.
    if (!done && done.error().code != Code::kNotFound) co_return done;
    if (is_last) co_return {};
  }
}

// Waits for an agent that is away. What was on its way over an open call may have arrived or not:
// it is not sent twice.
Task<Result<void>> InputPump::deliver_at_last(ClientInput input) {
  const auto until = base::steady_now() + kMaxAbsence;
  while (true) {
    if (stream_ && stream_reattachments_ != reattachments_) stream_.reset();
    const bool can_repeat = input.kind != Kind::kData || !stream_;
    auto done = co_await deliver(input);
    if (done || !is_absence(done.error()) || base::steady_now() >= until) co_return done;
    if (!can_repeat) co_return {};
    WRENN_CO_TRY(co_await net::sleep_for(kAbsencePause));
  }
}

Task<Result<void>> InputPump::deliver(ClientInput input) {
  switch (input.kind) {
    case Kind::kData:
      co_return co_await send(std::move(input.data));
    case Kind::kResize:
      co_return co_await resize(input);
    case Kind::kKill:
      co_return co_await kill();
    case Kind::kCloseStdin:
      co_return co_await close_stdin();
    case Kind::kNone:
    case Kind::kStop:
      break;
  }
  co_return {};
}

Task<Result<void>> InputPump::send(std::string data) {
  if (is_deaf_) co_return {};
  agent::SendInputRequest message;
  if (!stream_) {
    auto opened =
        co_await (kind_ == ProcessKind::kTerminal ? agent_.pty_input() : agent_.stdin_input());
    if (!opened) co_return base::fail(std::move(opened).error());
    stream_.emplace(std::move(*opened));
    stream_reattachments_ = reattachments_;
    message.set_sandbox_id(sandbox_id_);
    name_process(process_, message);
  }
  message.set_data(std::move(data));
  const auto written = co_await stream_->write(message);
  if (written || written.error().code != Code::kUnavailable) co_return written;
  co_return co_await finish_stream();  // It says why nobody reads.
}

// Afterwards the process has all that was sent.
Task<Result<void>> InputPump::finish_stream() {
  if (!stream_) co_return {};
  InputStream stream = std::move(*stream_);
  stream_.reset();
  const auto finished = co_await stream.finish();
  if (!finished) co_return base::fail(finished.error());
  co_return {};
}

Task<Result<void>> InputPump::resize(const ClientInput& size) {
  agent::PtyResizeRequest request;
  request.set_sandbox_id(sandbox_id_);
  request.set_tag(process_.tag);
  request.set_cols(size.cols);
  request.set_rows(size.rows);
  WRENN_CO_TRY(co_await finish_stream());
  co_return co_await agent_.pty_resize(request);
}

Task<Result<void>> InputPump::kill() {
  const auto finished = co_await net::with_timeout(kBeforeKill, finish_stream());
  if (!finished && finished.error().code == Code::kCanceled) co_return finished;
  if (kind_ == ProcessKind::kTerminal) {
    agent::PtyKillRequest request;
    request.set_sandbox_id(sandbox_id_);
    request.set_tag(process_.tag);
    co_return co_await agent_.pty_kill(request);
  }
  agent::KillProcessRequest request;
  request.set_sandbox_id(sandbox_id_);
  name_process(process_, request);
  co_return co_await agent_.kill_process(request);
}

Task<Result<void>> InputPump::close_stdin() {
  auto finished = co_await finish_stream();
  if (!finished) co_return finished;
  agent::CloseStdinRequest request;
  request.set_sandbox_id(sandbox_id_);
  name_process(process_, request);
  co_return co_await agent_.close_stdin(request);
}

}  // namespace wrenn::control
