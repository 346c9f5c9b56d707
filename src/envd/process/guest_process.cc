#include "envd/process/guest_process.h"

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "net/scope.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

std::string signal_text(int number) {
  switch (number) {
    case SIGHUP:
      return "hangup";
    case SIGINT:
      return "interrupt";
    case SIGQUIT:
      return "quit";
    case SIGABRT:
      return "aborted";
    case SIGKILL:
      return "killed";
    case SIGSEGV:
      return "segmentation fault";
    case SIGTERM:
      return "terminated";
    default: {
      const char* name = ::sigabbrev_np(number);
      return name != nullptr ? base::concat("SIG", name) : base::concat("signal ", number);
    }
  }
}

base::Error closed_error() {
  return {Code::kFailedPrecondition, "the input of this command is closed",
          "start it with stdin to be able to write to it"};
}

}  // namespace

void GuestProcess::set_ended(process::ProcessEvent event) {
  end_event_ = std::move(event);
  config_.Clear();
  output_->close();
}

Task<base::Result<void>> GuestProcess::write_input(process::ProcessInput input) {
  if (input.input_case() == process::ProcessInput::INPUT_NOT_SET) {
    co_return base::fail(Code::kInvalidArgument, "input must have stdin or pty");
  }
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await input_mutex_.lock());
  auto written = co_await net::with_stop_also(input_end_.token(), write(input));
  if (!written && (written.error().code == Code::kUnavailable || input_end_.stop_requested())) {
    co_return base::fail(Code::kFailedPrecondition, "the command has closed its input");
  }
  co_return written;
}

Task<base::Result<void>> GuestProcess::write(const process::ProcessInput& input) {
  if (const auto* pty = std::get_if<std::shared_ptr<Pty>>(&input_)) {
    if (!input.has_pty()) {
      co_return base::fail(Code::kFailedPrecondition, "this command has a terminal",
                           "send the bytes as pty");
    }
    co_return co_await (*pty)->write_all(input.pty());
  }
  if (!input.has_stdin()) {
    co_return base::fail(Code::kFailedPrecondition, "this command has no terminal",
                         "send the bytes as stdin");
  }
  const auto* pipe = std::get_if<InputPipe>(&input_);
  if (pipe == nullptr) co_return base::fail(closed_error());
  co_return co_await (*pipe)->write_all(input.stdin());
}

Task<base::Result<void>> GuestProcess::close_stdin() {
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await input_mutex_.lock());
  if (std::holds_alternative<std::shared_ptr<Pty>>(input_)) {
    co_return base::fail(Code::kFailedPrecondition, "the input of a terminal cannot be closed",
                         "send Ctrl-D (a byte 4) as pty");
  }
  input_ = std::monostate();
  co_return {};
}

Task<base::Result<void>> GuestProcess::end_input() {
  input_end_.request_stop();
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await input_mutex_.lock());
  input_ = std::monostate();
  co_return {};
}

base::Result<void> GuestProcess::resize(TerminalSize size) {
  const auto* pty = std::get_if<std::shared_ptr<Pty>>(&input_);
  if (pty != nullptr) return (*pty)->resize(size);
  return base::fail(Code::kFailedPrecondition, "this command has no terminal",
                    "start it with pty to have one");
}

base::Result<void> GuestProcess::signal(int number) const {
  // A group that is gone needs no signal.
  if (::kill(-pid_, number) == 0 || errno == ESRCH) return {};
  return base::fail_errno(errno, "cannot send a signal");
}

process::ProcessEvent make_end_event(const siginfo_t& info) {
  process::ProcessEvent event;
  auto& end = *event.mutable_end();
  end.set_exited(info.si_code == CLD_EXITED);
  if (end.exited()) {
    end.set_exit_code(info.si_status);
    end.set_status(base::concat("exit status ", info.si_status));
    if (info.si_status != 0) end.set_error(end.status());
    return event;
  }
  end.set_exit_code(-1);
  end.set_signal(static_cast<std::uint32_t>(info.si_status));
  end.set_status(base::concat("signal: ", signal_text(info.si_status)));
  if (info.si_code == CLD_DUMPED) *end.mutable_status() += " (core dumped)";
  end.set_error(end.status());
  return event;
}

}  // namespace wrenn::envd
