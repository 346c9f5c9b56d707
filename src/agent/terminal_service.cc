#include "agent/terminal_service.h"

#include "agent/process_events.h"
#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;
namespace pb = hostagent::v1;

constexpr auto kStartTimeout = std::chrono::seconds(30);

process::ProcessSelector by_tag(const std::string& tag) {
  process::ProcessSelector selector;
  selector.set_tag(tag);
  return selector;
}

// Of a message that names a process by its pid or its tag.
template <class Request>
Result<process::ProcessSelector> selector_of(const Request& request) {
  process::ProcessSelector selector;
  if (request.has_pid()) {
    selector.set_pid(request.pid());
  } else if (request.has_tag()) {
    selector.set_tag(request.tag());
  } else {
    return base::fail(Code::kInvalidArgument, "the request names no process",
                      "give its pid or its tag");
  }
  return selector;
}

base::Error cut_error() {
  return {Code::kUnavailable, "the guest cut the command's output"};
}

// The stream whose first message has come, and that message.
template <class Event>
struct Begun {
  connect::MessageStream<Event> events;
  process::ProcessEvent first;
};

template <class Event>
Task<Result<Begun<Event>>> first_event(Task<Result<connect::MessageStream<Event>>> opening) {
  WRENN_CO_TRY_ASSIGN(auto events, co_await std::move(opening));
  WRENN_CO_TRY_ASSIGN(auto first, co_await events.next());
  if (!first || !first->event().has_start()) {
    co_return base::fail(Code::kInternal, "the guest did not say that the command runs");
  }
  co_return Begun<Event>{std::move(events), std::move(*first->mutable_event())};
}

// Each event is with the caller before the next one is taken: a slow caller slows its command.
template <class Event>
Task<Result<void>> forward_pty(Task<Result<connect::MessageStream<Event>>> opening, std::string tag,
                               connect::StreamWriter<pb::PtyAttachResponse>& out) {
  WRENN_CO_TRY_ASSIGN(auto begun, co_await net::with_timeout(
                                      kStartTimeout, first_event<Event>(std::move(opening))));
  process::ProcessEvent event = std::move(begun.first);
  std::uint64_t offset = 0;
  while (true) {
    pb::PtyAttachResponse message;
    WRENN_CO_TRY_ASSIGN(const bool is_told, to_pty_event(event, tag, offset, message));
    if (is_told) WRENN_CO_TRY(co_await out.write(message));
    if (event.has_end()) co_return {};
    WRENN_CO_TRY_ASSIGN(auto next, co_await begun.events.next());
    if (!next) co_return base::fail(cut_error());
    event = std::move(*next->mutable_event());
  }
}

template <class Event>
Task<Result<void>> forward_exec(Task<Result<connect::MessageStream<Event>>> opening,
                                connect::StreamWriter<pb::ExecStreamResponse>& out) {
  WRENN_CO_TRY_ASSIGN(auto begun, co_await net::with_timeout(
                                      kStartTimeout, first_event<Event>(std::move(opening))));
  process::ProcessEvent event = std::move(begun.first);
  std::uint64_t offset = 0;
  while (true) {
    pb::ExecStreamResponse message;
    if (to_exec_event(event, offset, message)) WRENN_CO_TRY(co_await out.write(message));
    if (event.has_end()) co_return {};
    WRENN_CO_TRY_ASSIGN(auto next, co_await begun.events.next());
    if (!next) co_return base::fail(cut_error());
    event = std::move(*next->mutable_event());
  }
}

Command terminal_command(const pb::PtyAttachRequest& request, const std::string& tag) {
  return {.cmd = request.cmd(),
          .args = {request.args().begin(), request.args().end()},
          .envs = {request.envs().begin(), request.envs().end()},
          .cwd = request.cwd(),
          .user = request.user(),
          .tag = tag,
          .limit = {},
          .pty = TerminalSize{request.cols(), request.rows()}};
}

Task<Result<void>> attach_to(GuestClient& guest, const pb::PtyAttachRequest& request,
                             connect::StreamWriter<pb::PtyAttachResponse>& out) {
  if (!request.cmd().empty()) {
    const std::string tag =
        request.tag().empty() ? concat("pty-", base::to_hex(base::random_bytes(4))) : request.tag();
    co_return co_await forward_pty(guest.start(terminal_command(request, tag)), tag, out);
  }
  if (request.tag().empty()) {
    co_return base::fail(Code::kInvalidArgument, "the request names no terminal",
                         "give a command to start one, or the tag of one that is there");
  }
  const auto offset = request.has_offset() ? std::optional(request.offset()) : std::nullopt;
  co_return co_await forward_pty(guest.attach(by_tag(request.tag()), offset), request.tag(), out);
}

process::StreamInputRequest input_start(process::ProcessSelector selector) {
  process::StreamInputRequest message;
  *message.mutable_start()->mutable_process() = std::move(selector);
  return message;
}

}  // namespace

void TerminalService::add_to(connect::Router& router) {
  const auto path = [](std::string_view method) {
    return concat("/hostagent.v1.HostAgentService/", method);
  };
  router.stream(path("PtyAttach"), *this, &TerminalService::attach);
  router.client_stream(path("PtySendInput"), *this, &TerminalService::type);
  router.unary(path("PtyResize"), *this, &TerminalService::resize);
  router.unary(path("PtyKill"), *this, &TerminalService::kill);
  router.stream(path("ConnectProcess"), *this, &TerminalService::connect);
  router.client_stream(path("SendStdin"), *this, &TerminalService::send_stdin);
  router.unary(path("CloseStdin"), *this, &TerminalService::close_stdin);
}

TerminalService::Reply<void> TerminalService::attach(
    Context&, const pb::PtyAttachRequest& request,
    connect::StreamWriter<pb::PtyAttachResponse>& out) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  co_return co_await while_it_lives(use, attach_to(use.guest(), request, out));
}

TerminalService::Reply<void> TerminalService::connect(
    Context&, const pb::ConnectProcessRequest& request,
    connect::StreamWriter<pb::ExecStreamResponse>& out) {
  WRENN_CO_TRY_ASSIGN(process::ProcessSelector selector, selector_of(request));
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  const auto offset = request.has_offset() ? std::optional(request.offset()) : std::nullopt;
  co_return co_await while_it_lives(
      use, forward_exec(use.guest().attach(std::move(selector), offset), out));
}

TerminalService::Reply<pb::SendInputResponse> TerminalService::type(Context&, InputReader& in) {
  return send_input(in, InputKind::kPty);
}

TerminalService::Reply<pb::SendInputResponse> TerminalService::send_stdin(Context&,
                                                                          InputReader& in) {
  return send_input(in, InputKind::kStdin);
}

TerminalService::Reply<pb::SendInputResponse> TerminalService::send_input(InputReader& in,
                                                                          InputKind kind) {
  WRENN_CO_TRY_ASSIGN(auto request, co_await in.next());
  if (!request) co_return base::fail(Code::kInvalidArgument, "the stream names no process");
  WRENN_CO_TRY_ASSIGN(process::ProcessSelector selector, selector_of(*request));
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request->sandbox_id()));
  WRENN_CO_TRY_ASSIGN(auto input, co_await while_it_lives(use, use.guest().input()));
  auto sent = co_await while_it_lives(use, input.write(input_start(std::move(selector))));
  while (sent && request) {
    process::StreamInputRequest piece;
    auto& bytes = *piece.mutable_data()->mutable_input();
    if (kind == InputKind::kPty) {
      bytes.set_pty(std::move(*request->mutable_data()));
    } else {
      bytes.set_stdin(std::move(*request->mutable_data()));
    }
    sent = co_await while_it_lives(use, input.write(piece));
    if (!sent) break;
    WRENN_CO_TRY_ASSIGN(request, co_await while_it_lives(use, in.next()));
  }
  // A guest that has stopped reading says why at the end.
  if (!sent && sent.error().code != Code::kUnavailable) co_return base::fail(sent.error());
  WRENN_CO_TRY(co_await while_it_lives(use, input.finish()));
  co_return pb::SendInputResponse();
}

TerminalService::Reply<pb::CloseStdinResponse> TerminalService::close_stdin(
    Context&, const pb::CloseStdinRequest& request) {
  WRENN_CO_TRY_ASSIGN(process::ProcessSelector selector, selector_of(request));
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY(co_await while_it_lives(use, use.guest().close_stdin(std::move(selector))));
  co_return pb::CloseStdinResponse();
}

TerminalService::Reply<pb::PtyResizeResponse> TerminalService::resize(
    Context&, const pb::PtyResizeRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY(co_await while_it_lives(
      use, use.guest().resize(by_tag(request.tag()), {request.cols(), request.rows()})));
  co_return pb::PtyResizeResponse();
}

TerminalService::Reply<pb::PtyKillResponse> TerminalService::kill(
    Context&, const pb::PtyKillRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY(co_await while_it_lives(
      use, use.guest().signal(by_tag(request.tag()), process::SIGNAL_SIGKILL)));
  co_return pb::PtyKillResponse();
}

}  // namespace wrenn::agent
