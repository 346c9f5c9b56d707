#include "envd/process_service.h"

#include "net/scope.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;
using connect::CallContext;
using connect::StreamWriter;
using net::Task;

// How long a command may leave its input unread.
constexpr auto kInputTimeout = std::chrono::seconds(30);

template <class Response>
Task<Result<void>> send_event(StreamWriter<Response>& out, process::ProcessEvent event) {
  Response response;
  *response.mutable_event() = std::move(event);
  co_return co_await out.write(response);
}

// Everything from the start event to the end event.
template <class Response>
Task<Result<void>> send_events(Follower& follower, StreamWriter<Response>& out) {
  process::ProcessEvent start;
  start.mutable_start()->set_pid(static_cast<std::uint32_t>(follower.process().pid()));
  WRENN_CO_TRY(co_await send_event(out, std::move(start)));
  while (true) {
    WRENN_CO_TRY_ASSIGN(auto event, co_await follower.events().receive());
    if (!event) co_return {};
    WRENN_CO_TRY(co_await send_event(out, std::move(*event)));
  }
}

}  // namespace

void ProcessService::add_to(connect::Router& router) {
  router.unary("/process.Process/List", *this, &ProcessService::list);
  router.stream("/process.Process/Start", *this, &ProcessService::start);
  router.stream("/process.Process/Connect", *this, &ProcessService::connect);
  router.unary("/process.Process/SendInput", *this, &ProcessService::send_input);
  router.unary("/process.Process/SendSignal", *this, &ProcessService::send_signal);
  router.unary("/process.Process/CloseStdin", *this, &ProcessService::close_stdin);
}

Task<Result<process::ListResponse>> ProcessService::list(CallContext&,
                                                         const process::ListRequest&) {
  process::ListResponse response;
  for (const auto& [pid, process] : table_.running()) {
    auto& info = *response.add_processes();
    *info.mutable_config() = process->config();
    info.set_pid(static_cast<std::uint32_t>(pid));
    if (process->tag()) info.set_tag(*process->tag());
  }
  co_return response;
}

Task<Result<void>> ProcessService::start(CallContext& context, const process::StartRequest& request,
                                         StreamWriter<process::StartResponse>& out) {
  if (request.has_pty()) {
    co_return base::fail(Code::kUnimplemented, "terminals are not offered yet");
  }
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const auto follower, table_.start(request, settings_, actor));
  const auto sent = co_await send_events(*follower, out);
  // The caller's deadline is the life of the command; a caller who went away leaves it running.
  if (!sent && context.deadline_passed()) table_.kill(follower->process());
  co_return sent;
}

Task<Result<void>> ProcessService::connect(CallContext&, const process::ConnectRequest& request,
                                           StreamWriter<process::ConnectResponse>& out) {
  WRENN_CO_TRY_ASSIGN(auto process, table_.find(request.process()));
  Follower follower(std::move(process));
  co_return co_await send_events(follower, out);
}

Task<Result<process::SendInputResponse>> ProcessService::send_input(
    CallContext&, const process::SendInputRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  if (!request.input().has_stdin()) {
    co_return base::fail(Code::kFailedPrecondition, "this command has no terminal",
                         "send the bytes as stdin");
  }
  auto written =
      co_await net::with_timeout(kInputTimeout, process->write_input(request.input().stdin()));
  if (!written && written.error().code == Code::kDeadlineExceeded) {
    co_return base::fail(Code::kDeadlineExceeded, "the command does not read its input");
  }
  if (!written) co_return base::fail(std::move(written).error());
  co_return process::SendInputResponse();
}

Task<Result<process::SendSignalResponse>> ProcessService::send_signal(
    CallContext&, const process::SendSignalRequest& request) {
  const bool is_known =
      request.signal() == process::SIGNAL_SIGKILL || request.signal() == process::SIGNAL_SIGTERM;
  if (!is_known) {
    co_return base::fail(Code::kInvalidArgument, "the signal must be SIGTERM or SIGKILL");
  }
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  WRENN_CO_TRY(process->signal(request.signal()));
  co_return process::SendSignalResponse();
}

Task<Result<process::CloseStdinResponse>> ProcessService::close_stdin(
    CallContext&, const process::CloseStdinRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  WRENN_CO_TRY(co_await net::with_timeout(kInputTimeout, process->close_input()));
  co_return process::CloseStdinResponse();
}

}  // namespace wrenn::envd
