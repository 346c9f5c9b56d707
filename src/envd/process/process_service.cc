#include "envd/process/process_service.h"

#include <algorithm>

#include "base/strings.h"
#include "envd/keepalive.h"
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

template <class Response>
Task<Result<void>> send_output(StreamWriter<Response>& out, OutputPiece piece) {
  Response response;
  auto& data = *response.mutable_event()->mutable_data();
  switch (piece.kind) {
    case OutputKind::kStdout:
      data.mutable_stdout()->assign(piece.bytes);
      break;
    case OutputKind::kStderr:
      data.mutable_stderr()->assign(piece.bytes);
      break;
    case OutputKind::kPty:
      data.mutable_pty()->assign(piece.bytes);
      break;
  }
  co_return co_await out.write(response);
}

// Until there is output or the end; meanwhile a sign of life after every `keepalive` of silence.
template <class Response>
Task<Result<void>> wait_for_output(OutputReader& reader, base::Duration keepalive,
                                   StreamWriter<Response>& out) {
  while (true) {
    auto waited = co_await net::with_timeout(keepalive, reader.wait());
    if (waited || waited.error().code != Code::kDeadlineExceeded) co_return waited;
    process::ProcessEvent event;
    event.mutable_keepalive();
    WRENN_CO_TRY(co_await send_event(out, std::move(event)));
  }
}

// Everything from the start event to the end event.
template <class Response>
Task<Result<void>> send_events(std::shared_ptr<GuestProcess> process, std::uint64_t offset,
                               base::Duration keepalive, StreamWriter<Response>& out) {
  OutputReader reader(process->output(), offset);
  process::ProcessEvent start;
  start.mutable_start()->set_pid(static_cast<std::uint32_t>(process->pid()));
  start.mutable_start()->set_output_offset(reader.position());
  WRENN_CO_TRY(co_await send_event(out, std::move(start)));
  while (true) {
    while (auto piece = reader.take()) {
      WRENN_CO_TRY(co_await send_output(out, std::move(*piece)));
    }
    if (const auto& end = process->end_event()) co_return co_await send_event(out, *end);
    WRENN_CO_TRY(co_await wait_for_output(reader, keepalive, out));
  }
}

}  // namespace

void ProcessService::add_to(connect::Router& router) {
  router.unary("/process.Process/List", *this, &ProcessService::list);
  router.stream("/process.Process/Start", *this, &ProcessService::start);
  router.stream("/process.Process/Connect", *this, &ProcessService::connect);
  router.unary("/process.Process/Update", *this, &ProcessService::update);
  router.client_stream("/process.Process/StreamInput", *this, &ProcessService::stream_input);
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
  WRENN_CO_TRY_ASSIGN(const auto keepalive, read_keepalive(context.request_headers));
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(const auto process,
                      table_.start(request, settings_, actor, context.deadline));
  WRENN_CO_TRY(co_await send_events(process, 0, keepalive, out));
  // The command's death by its deadline may be seen here before the call's own end.
  if (process->is_overdue()) {
    co_return base::fail(Code::kDeadlineExceeded, "the command did not end in time and was killed");
  }
  co_return {};
}

Task<Result<void>> ProcessService::connect(CallContext& context,
                                           const process::ConnectRequest& request,
                                           StreamWriter<process::ConnectResponse>& out) {
  WRENN_CO_TRY_ASSIGN(const auto keepalive, read_keepalive(context.request_headers));
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find_also_ended(request.process()));
  const std::uint64_t end = process->output()->end();
  const std::uint64_t offset = request.has_output_offset() ? request.output_offset() : end;
  if (offset > end) {
    co_return base::fail(
        Code::kOutOfRange,
        base::concat("output_offset is ", offset, ", but the command has written ", end, " bytes"),
        "ask from an offset that an earlier stream has reached");
  }
  co_return co_await send_events(process, offset, keepalive, out);
}

Task<Result<process::UpdateResponse>> ProcessService::update(
    CallContext&, const process::UpdateRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  if (request.has_pty()) {
    WRENN_CO_TRY_ASSIGN(const TerminalSize size, TerminalSize::from(request.pty().size()));
    WRENN_CO_TRY(process->resize(size));
  }
  co_return process::UpdateResponse();
}

Task<Result<process::StreamInputResponse>> ProcessService::stream_input(
    CallContext&, connect::StreamReader<process::StreamInputRequest>& in) {
  std::shared_ptr<GuestProcess> process;
  while (true) {
    WRENN_CO_TRY_ASSIGN(auto request, co_await in.next());
    if (!request) break;
    if (request->has_start()) {
      WRENN_CO_TRY_ASSIGN(process, table_.find(request->start().process()));
    } else if (request->has_data()) {
      if (process == nullptr) {
        co_return base::fail(Code::kInvalidArgument, "the first message must be start");
      }
      // A command that reads slowly slows the caller, however long it takes.
      WRENN_CO_TRY(
          co_await process->write_input(std::move(*request->mutable_data()->mutable_input())));
    }
  }
  if (process != nullptr) co_return process::StreamInputResponse();
  co_return base::fail(Code::kInvalidArgument, "the stream names no process");
}

Task<Result<process::SendInputResponse>> ProcessService::send_input(
    CallContext&, const process::SendInputRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  auto written = co_await net::with_timeout(kInputTimeout, process->write_input(request.input()));
  if (!written && written.error().code == Code::kDeadlineExceeded) {
    co_return base::fail(Code::kDeadlineExceeded, "the command does not read its input");
  }
  if (!written) co_return base::fail(std::move(written).error());
  co_return process::SendInputResponse();
}

Task<Result<process::SendSignalResponse>> ProcessService::send_signal(
    CallContext&, const process::SendSignalRequest& request) {
  const int signal = request.signal();
  if (signal == process::SIGNAL_UNSPECIFIED || !process::Signal_IsValid(signal)) {
    co_return base::fail(Code::kInvalidArgument, base::concat("there is no signal ", signal),
                         "SIGNAL_SIGTERM asks a command to end, SIGNAL_SIGKILL ends it");
  }
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  WRENN_CO_TRY(process->signal(signal));
  co_return process::SendSignalResponse();
}

Task<Result<process::CloseStdinResponse>> ProcessService::close_stdin(
    CallContext&, const process::CloseStdinRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto process, table_.find(request.process()));
  WRENN_CO_TRY(co_await net::with_timeout(kInputTimeout, process->close_stdin()));
  co_return process::CloseStdinResponse();
}

}  // namespace wrenn::envd
