#include "control/api/exec.h"

#include "base/crypto.h"
#include "base/strings.h"
#include "control/api/exec_sink.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/hosts/lasting_stream.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

// How much longer than the command the call may take: the agent kills the command, not this limit.
constexpr auto kGrace = std::chrono::seconds(10);

template <class Request>
Request to_rpc(const std::string& sandbox_id, const ExecParams& params) {
  Request request;
  request.set_sandbox_id(sandbox_id);
  request.set_cmd(params.cmd);
  for (const auto& argument : params.args) request.add_args(argument);
  request.mutable_envs()->insert(params.envs.begin(), params.envs.end());
  request.set_cwd(params.cwd);
  request.set_user(params.user);
  return request;
}

ApiError exec_error(const base::Error& error, const ExecParams& params) {
  if (error.code != base::Code::kDeadlineExceeded) return from_agent(error);
  return {ApiCode::kAgentError,
          concat("the command did not end within ", params.timeout_sec,
                 " s and was killed; give a larger timeout_sec or background:true")};
}

Task<Answer<void>> deliver(const agent::ExecStreamResponse& event, ExecSink& sink) {
  using Event = agent::ExecStreamResponse;
  switch (event.event_case()) {
    case Event::kStart:
      return sink.on_start(event.start().pid());
    case Event::kEnd:
      return sink.on_end(event.end().exit_code(), event.end().error());
    default:
      break;
  }
  if (event.data().output_case() == agent::ExecData::kStderr) {
    return sink.on_output(OutputKind::kStderr, event.data().stderr());
  }
  return sink.on_output(OutputKind::kStdout, event.data().stdout());
}

// Until the command has ended and the sink has been told so.
Task<Answer<void>> run_command(AgentClient& agent, const std::string& sandbox_id,
                               const ExecParams& params, ExecSink& sink) {
  auto request = to_rpc<agent::ExecStreamRequest>(sandbox_id, params);
  request.set_timeout_sec(params.timeout_sec);
  auto opened = co_await agent.exec(request, std::chrono::seconds(params.timeout_sec) + kGrace);
  if (!opened) co_return std::unexpected(exec_error(opened.error(), params));
  LastingExec stream(agent, sandbox_id, std::move(*opened));
  while (true) {
    const auto event = co_await stream.next();
    if (!event) co_return std::unexpected(exec_error(event.error(), params));
    if (!*event) {
      co_return refuse(ApiCode::kAgentError,
                       "the host lost the command before it ended; run it again");
    }
    API_CO_TRY(co_await deliver(**event, sink));
    if ((*event)->has_end()) co_return {};
  }
}

Task<Answer<void>> run_streamed(AgentClient& agent, Call& call, const ExecParams& params) {
  LineSink sink(call);
  auto ended = co_await run_command(agent, call.param(0), params, sink);
  const bool can_tell = !ended && ended.error().code != ApiCode::kClientGone;
  if (can_tell && call.response().started()) {
    co_return co_await sink.on_error(std::move(ended).error());
  }
  co_return ended;
}

Task<Answer<void>> run_collected(AgentClient& agent, Call& call, const ExecParams& params) {
  CollectSink sink(call, params.cmd);
  co_return co_await run_command(agent, call.param(0), params, sink);
}

Task<Answer<void>> start_background(AgentClient& agent, Call& call, const ExecParams& params) {
  auto request = to_rpc<agent::StartBackgroundRequest>(call.param(0), params);
  request.set_tag(params.tag.empty() ? concat("proc-", base::to_hex(base::random_bytes(4)))
                                     : params.tag);
  API_CO_TRY_ASSIGN(const auto started, agent_answer(co_await agent.start_background(request)));
  const std::string& tag = started.tag().empty() ? request.tag() : started.tag();
  co_return co_await call.send_json(202,
                                    background_json(call.param(0), params.cmd, started.pid(), tag));
}

}  // namespace

Task<Answer<void>> exec_command(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const ExecParams params, parse_exec(body));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  if (params.mode == ExecMode::kBackground) {
    co_return co_await start_background(*found.agent, call, params);
  }
  const bool streams = call.request().headers().has_token("accept", "application/x-ndjson");
  co_return co_await until_client_leaves(call, streams ? run_streamed(*found.agent, call, params)
                                                       : run_collected(*found.agent, call, params));
}

Task<Answer<void>> list_processes(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  API_CO_TRY_ASSIGN(const auto processes,
                    agent_answer(co_await found.agent->list_processes(call.param(0))));
  co_return co_await call.send_json(200, processes_json(processes));
}

Task<Answer<void>> kill_process(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const ProcessSelector selector, parse_selector(call.param(1)));
  API_CO_TRY_ASSIGN(const std::string signal,
                    parse_signal(query_parameter(call.request().query(), "signal")));
  call.note("process", call.param(1));
  call.note("signal", signal);
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  agent::KillProcessRequest request;
  request.set_sandbox_id(call.param(0));
  if (selector.pid != 0) {
    request.set_pid(selector.pid);
  } else {
    request.set_tag(selector.tag);
  }
  request.set_signal(signal);
  API_CO_TRY(agent_answer(co_await found.agent->kill_process(request)));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
