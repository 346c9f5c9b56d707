#include "control/api/process_sockets.h"

#include "control/api/api_socket.h"
#include "control/api/output_messages.h"
#include "control/api/process_session.h"
#include "control/hosts/lasting_stream.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using net::Task;

// For the message that says what the socket is for.
constexpr auto kOpeningTimeout = std::chrono::seconds(60);

ApiError lost_error() {
  return {ApiCode::kAgentError, "the host lost the process's output; connect to it again"};
}

class PtyOutput final : public ProcessOutput {
 public:
  PtyOutput(AgentClient& agent, std::string sandbox_id, PtyStream stream)
      : stream_(agent, std::move(sandbox_id), std::move(stream)) {}

  Task<Answer<OutputStep>> next() override {
    API_CO_TRY_ASSIGN(const auto event, agent_answer(co_await stream_.next()));
    if (!event) co_return std::unexpected(lost_error());
    OutputStep step;
    step.reattachments = stream_.reattachments();
    if (event->has_started()) {
      const auto& started = event->started();
      step.process = ProcessSelector{.tag = started.tag()};
      step.messages.push_back(pty_started_message(started.tag(), started.pid(), started.offset()));
    } else if (event->has_output()) {
      step.messages.push_back(pty_output_message(event->output().data(), event->output().offset()));
    } else if (event->has_exited()) {
      step.messages.push_back(exit_message(event->exited().exit_code(), event->exited().error()));
      step.has_ended = true;
    }
    co_return step;
  }

 private:
  LastingPty stream_;
};

class CommandOutput final : public ProcessOutput {
 public:
  CommandOutput(AgentClient& agent, std::string sandbox_id, ExecStream stream, std::string tag)
      : stream_(agent, std::move(sandbox_id), std::move(stream)), tag_(std::move(tag)) {}

  Task<Answer<OutputStep>> next() override {
    API_CO_TRY_ASSIGN(const auto event, agent_answer(co_await stream_.next()));
    if (!event) co_return std::unexpected(lost_error());
    OutputStep step;
    step.reattachments = stream_.reattachments();
    if (event->has_start()) {
      step.process = ProcessSelector{.pid = event->start().pid(), .tag = {}};
      step.messages.push_back(
          exec_start_message(tag_, event->start().pid(), event->start().offset()));
    } else if (event->has_data()) {
      const auto& data = event->data();
      const bool is_error = data.output_case() == agent::ExecData::kStderr;
      step.messages = text_.add(is_error ? OutputKind::kStderr : OutputKind::kStdout,
                                is_error ? data.stderr() : data.stdout(), data.offset());
    } else if (event->has_end()) {
      step.messages = text_.flush();
      step.messages.push_back(exit_message(event->end().exit_code(), event->end().error()));
      step.has_ended = true;
    }
    co_return step;
  }

 private:
  LastingExec stream_;
  const std::string tag_;
  TextOutput text_;
};

template <class Request>
Request command_request(const std::string& sandbox_id, const StartParams& start) {
  Request request;
  request.set_sandbox_id(sandbox_id);
  request.set_cmd(start.cmd);
  for (const auto& argument : start.args) request.add_args(argument);
  request.mutable_envs()->insert(start.envs.begin(), start.envs.end());
  request.set_cwd(start.cwd);
  request.set_user(start.user);
  request.set_tag(start.tag);
  return request;
}

agent::PtyAttachRequest pty_request(const std::string& sandbox_id, const OpeningMessage& opening) {
  if (const auto* start = std::get_if<StartParams>(&opening)) {
    auto request = command_request<agent::PtyAttachRequest>(sandbox_id, *start);
    request.mutable_envs()->insert({"TERM", "xterm-256color"});  // Unless it is there.
    request.set_cols(start->cols);
    request.set_rows(start->rows);
    return request;
  }
  const auto& attach = std::get<AttachParams>(opening);
  agent::PtyAttachRequest request;
  request.set_sandbox_id(sandbox_id);
  request.set_tag(attach.process.tag);
  if (attach.offset) request.set_offset(*attach.offset);
  return request;
}

agent::ExecStreamRequest exec_request(const std::string& sandbox_id, const StartParams& start) {
  auto request = command_request<agent::ExecStreamRequest>(sandbox_id, start);
  request.set_detached(!start.kill_on_close);
  request.set_stdin(start.has_stdin);
  return request;
}

agent::ConnectProcessRequest connect_request(const std::string& sandbox_id,
                                             const AttachParams& attach) {
  agent::ConnectProcessRequest request;
  request.set_sandbox_id(sandbox_id);
  if (attach.process.pid != 0) {
    request.set_pid(attach.process.pid);
  } else {
    request.set_tag(attach.process.tag);
  }
  if (attach.offset) request.set_offset(*attach.offset);
  return request;
}

Task<Answer<std::string>> receive_opening(ApiSocket& socket) {
  while (true) {
    API_CO_TRY_ASSIGN(std::optional<std::string> message, co_await socket.receive());
    if (!message) co_return refuse(ApiCode::kClientGone, "the client left without a command");
    if (!is_auth_message(*message)) co_return std::move(*message);
  }
}

// What the client wants of the socket.
Task<Answer<OpeningMessage>> read_opening(ApiSocket& socket,
                                          Answer<OpeningMessage> (*parse)(std::string_view)) {
  API_CO_TRY_ASSIGN(
      const std::string message,
      co_await answer_within(
          kOpeningTimeout, receive_opening(socket),
          {ApiCode::kInvalidRequest, "no message of the type start or connect came in 60 s"}));
  co_return parse(message);
}

Task<Answer<void>> run_session(AgentClient& agent, Call& call, ApiSocket& socket, ProcessKind kind,
                               ProcessOutput& output) {
  ProcessSession session(call.request().stream().loop(), agent, call.param(0), socket, kind);
  co_return co_await session.run(output);
}

Task<Answer<void>> run_pty(Services& services, Call& call, ApiSocket& socket) {
  API_CO_TRY_ASSIGN(const OpeningMessage opening, co_await read_opening(socket, parse_pty_opening));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_awake(services, call));
  const agent::PtyAttachRequest request = pty_request(call.param(0), opening);
  API_CO_TRY_ASSIGN(PtyStream stream, agent_answer(co_await found.agent->pty_attach(request)));
  PtyOutput output(*found.agent, call.param(0), std::move(stream));
  co_return co_await run_session(*found.agent, call, socket, ProcessKind::kTerminal, output);
}

Task<Answer<void>> run_command(AgentClient& agent, Call& call, ApiSocket& socket,
                               Task<base::Result<ExecStream>> opening, std::string tag) {
  API_CO_TRY_ASSIGN(ExecStream stream, agent_answer(co_await std::move(opening)));
  CommandOutput output(agent, call.param(0), std::move(stream), std::move(tag));
  co_return co_await run_session(agent, call, socket, ProcessKind::kCommand, output);
}

Task<Answer<void>> run_exec(Services& services, Call& call, ApiSocket& socket) {
  API_CO_TRY_ASSIGN(const OpeningMessage opening,
                    co_await read_opening(socket, parse_exec_opening));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_awake(services, call));
  if (const auto* attach = std::get_if<AttachParams>(&opening)) {
    const auto request = connect_request(call.param(0), *attach);
    co_return co_await run_command(*found.agent, call, socket,
                                   found.agent->connect_process(request), attach->process.tag);
  }
  const auto& start = std::get<StartParams>(opening);
  const auto request = exec_request(call.param(0), start);
  co_return co_await run_command(*found.agent, call, socket,
                                 found.agent->exec(request, base::Duration::zero()), start.tag);
}

// Everything that is wanted is in the address.
Answer<AttachParams> attach_of(const Call& call, std::string_view query) {
  API_TRY_ASSIGN(ProcessSelector process, parse_selector(call.param(1)));
  API_TRY_ASSIGN(const auto offset, parse_offset(query_parameter(query, "offset")));
  return AttachParams{std::move(process), offset};
}

Task<Answer<void>> run_attached(Services& services, Call& call, ApiSocket& socket) {
  API_CO_TRY_ASSIGN(const AttachParams attach, attach_of(call, call.request().query()));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_awake(services, call));
  const auto request = connect_request(call.param(0), attach);
  co_return co_await run_command(*found.agent, call, socket, found.agent->connect_process(request),
                                 attach.process.tag);
}

}  // namespace

Task<Answer<void>> pty_socket(Services& services, Call& call) {
  return serve_socket(services, call, run_pty);
}

Task<Answer<void>> exec_socket(Services& services, Call& call) {
  return serve_socket(services, call, run_exec);
}

Task<Answer<void>> process_socket(Services& services, Call& call) {
  return serve_socket(services, call, run_attached);
}

}  // namespace wrenn::control
