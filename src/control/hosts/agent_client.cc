#include "control/hosts/agent_client.h"

#include "base/strings.h"
#include "connect/error.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;
using net::Task;

constexpr auto kCallTimeout = std::chrono::seconds(60);
constexpr auto kListTimeout = std::chrono::seconds(5);
// A cold host may have to build a template first.
constexpr auto kCreateTimeout = std::chrono::minutes(3);
// Saving and starting take as long as there is memory to write or read, and a VM may have to boot.
constexpr auto kChangeTimeout = std::chrono::minutes(5);
constexpr std::size_t kMaxReply = 32u << 20;  // A directory of a hundred thousand files.
constexpr std::size_t kMaxErrorBody = 64 * 1024;

std::string method(std::string_view name) {
  return concat("/hostagent.v1.HostAgentService/", name);
}

net::HttpClientOptions http_options() {
  // Each call states its own time; this is the cap for all: a whole sandbox goes to object storage.
  return {.connect_timeout = std::chrono::seconds(5),
          .head_timeout = std::chrono::minutes(16),
          .max_idle = 32};
}

// The answer comes when a process has taken its input, however long that is.
net::HttpClientOptions input_options() {
  net::HttpClientOptions options = http_options();
  options.head_timeout = std::chrono::days(365);
  return options;
}

std::string file_url(const FileTarget& file) {
  std::string url =
      concat("/sandboxes/", file.sandbox_id, "/files?path=", base::percent_encode(file.path));
  if (!file.user.empty()) url += concat("&user=", base::percent_encode(file.user));
  return url;
}

// The error in a response that is not a success.
Task<Result<void>> check_status(net::ClientResponse& response) {
  if (response.status() >= 200 && response.status() < 300) co_return {};
  const auto body = co_await net::read_all(response, kMaxErrorBody);
  if (body) {
    if (auto error = connect::parse_error_json(*body)) co_return base::fail(std::move(*error));
  }
  co_return base::fail(connect::code_from_http_status(response.status()),
                       concat("the host agent answered with status ", response.status()));
}

template <class Response>
Task<Result<void>> ignore_reply(Task<Result<Response>> call) {
  const auto reply = co_await std::move(call);
  if (!reply) co_return base::fail(reply.error());
  co_return {};
}

net::HttpClientOptions secured(net::HttpClientOptions options,
                               const std::shared_ptr<const net::StreamSecurity>& security) {
  options.security = security;
  return options;
}

}  // namespace

AgentClient::AgentClient(const net::Endpoint& endpoint,
                         const std::shared_ptr<const net::StreamSecurity>& security)
    : calls_http_(endpoint, secured(http_options(), security)),
      streams_http_(endpoint, secured(http_options(), security)),
      input_http_(endpoint, secured(input_options(), security)),
      files_http_(endpoint, secured(http_options(), security)),
      calls_(calls_http_, {.max_message_bytes = kMaxReply}),
      streams_(streams_http_),
      inputs_(input_http_) {}

void AgentClient::close_idle() {
  for (auto* client : {&calls_http_, &streams_http_, &input_http_, &files_http_}) {
    client->close_idle();
  }
}

AgentClient::Reply<agent::CreateSandboxResponse> AgentClient::create(
    const agent::CreateSandboxRequest& request) {
  return calls_.unary<agent::CreateSandboxResponse>(method("CreateSandbox"), request,
                                                    {.timeout = kCreateTimeout});
}

AgentClient::Reply<void> AgentClient::destroy(std::string sandbox_id) {
  agent::DestroySandboxRequest request;
  request.set_sandbox_id(sandbox_id);
  const auto reply = co_await calls_.unary<agent::DestroySandboxResponse>(
      method("DestroySandbox"), request, {.timeout = kCallTimeout});
  if (!reply && reply.error().code != base::Code::kNotFound) co_return base::fail(reply.error());
  co_return {};
}

AgentClient::Reply<agent::PauseSandboxResponse> AgentClient::pause(
    const agent::PauseSandboxRequest& request, base::Duration limit) {
  return calls_.unary<agent::PauseSandboxResponse>(method("PauseSandbox"), request,
                                                   {.timeout = limit});
}

AgentClient::Reply<agent::ResumeSandboxResponse> AgentClient::resume(
    const agent::ResumeSandboxRequest& request, base::Duration limit) {
  return calls_.unary<agent::ResumeSandboxResponse>(method("ResumeSandbox"), request,
                                                    {.timeout = limit});
}

AgentClient::Reply<agent::HibernateSandboxResponse> AgentClient::hibernate(std::string sandbox_id,
                                                                           base::Duration limit) {
  agent::HibernateSandboxRequest request;
  request.set_sandbox_id(std::move(sandbox_id));
  co_return co_await calls_.unary<agent::HibernateSandboxResponse>(method("HibernateSandbox"),
                                                                   request, {.timeout = limit});
}

AgentClient::Reply<agent::WakeSandboxResponse> AgentClient::wake(
    const agent::WakeSandboxRequest& request, base::Duration limit) {
  return calls_.unary<agent::WakeSandboxResponse>(method("WakeSandbox"), request,
                                                  {.timeout = limit});
}

AgentClient::Reply<void> AgentClient::forget_archive(std::string sandbox_id, base::Duration limit) {
  agent::ForgetArchiveRequest request;
  request.set_sandbox_id(std::move(sandbox_id));
  return ignore_reply(calls_.unary<agent::ForgetArchiveResponse>(method("ForgetArchive"), request,
                                                                 {.timeout = limit}));
}

AgentClient::Reply<agent::ForkSandboxResponse> AgentClient::fork(
    const agent::ForkSandboxRequest& request) {
  return calls_.unary<agent::ForkSandboxResponse>(method("ForkSandbox"), request,
                                                  {.timeout = kChangeTimeout});
}

AgentClient::Reply<agent::SnapshotSandboxResponse> AgentClient::snapshot(
    const agent::SnapshotSandboxRequest& request) {
  return calls_.unary<agent::SnapshotSandboxResponse>(method("SnapshotSandbox"), request,
                                                      {.timeout = kChangeTimeout});
}

AgentClient::Reply<void> AgentClient::set_lifecycle(const agent::SetLifecycleRequest& request) {
  return ignore_reply(calls_.unary<agent::SetLifecycleResponse>(method("SetLifecycle"), request,
                                                                {.timeout = kCallTimeout}));
}

AgentClient::Reply<void> AgentClient::set_network_policy(
    const agent::SetNetworkPolicyRequest& request) {
  return ignore_reply(calls_.unary<agent::SetNetworkPolicyResponse>(
      method("SetNetworkPolicy"), request, {.timeout = kCallTimeout}));
}

AgentClient::Reply<agent::ListDenialsResponse> AgentClient::list_denials(std::string sandbox_id) {
  agent::ListDenialsRequest request;
  request.set_sandbox_id(std::move(sandbox_id));
  return calls_.unary<agent::ListDenialsResponse>(method("ListDenials"), request,
                                                  {.timeout = kListTimeout});
}

AgentClient::Reply<agent::ListTemplatesResponse> AgentClient::list_templates() {
  return calls_.unary<agent::ListTemplatesResponse>(
      method("ListTemplates"), agent::ListTemplatesRequest(), {.timeout = kCallTimeout});
}

AgentClient::Reply<void> AgentClient::delete_template(std::string name) {
  agent::DeleteTemplateRequest request;
  request.set_name(std::move(name));
  return ignore_reply(calls_.unary<agent::DeleteTemplateResponse>(method("DeleteTemplate"), request,
                                                                  {.timeout = kCallTimeout}));
}

AgentClient::Reply<void> AgentClient::ping(const std::string& sandbox_id) {
  agent::PingSandboxRequest request;
  request.set_sandbox_id(sandbox_id);
  return ignore_reply(calls_.unary<agent::PingSandboxResponse>(method("PingSandbox"), request,
                                                               {.timeout = kCallTimeout}));
}

AgentClient::Reply<agent::GetSandboxMetricsResponse> AgentClient::sandbox_metrics(
    const agent::GetSandboxMetricsRequest& request) {
  return calls_.unary<agent::GetSandboxMetricsResponse>(method("GetSandboxMetrics"), request,
                                                        {.timeout = kListTimeout});
}

AgentClient::Reply<agent::ListSandboxesResponse> AgentClient::list_sandboxes() {
  return calls_.unary<agent::ListSandboxesResponse>(
      method("ListSandboxes"), agent::ListSandboxesRequest(), {.timeout = kListTimeout});
}

AgentClient::Reply<ExecStream> AgentClient::exec(const agent::ExecStreamRequest& request,
                                                 base::Duration limit) {
  return streams_.stream<agent::ExecStreamResponse>(method("ExecStream"), request,
                                                    {.timeout = limit});
}

AgentClient::Reply<agent::StartBackgroundResponse> AgentClient::start_background(
    const agent::StartBackgroundRequest& request) {
  return calls_.unary<agent::StartBackgroundResponse>(method("StartBackground"), request,
                                                      {.timeout = kCallTimeout});
}

AgentClient::Reply<agent::ListProcessesResponse> AgentClient::list_processes(
    const std::string& sandbox_id) {
  agent::ListProcessesRequest request;
  request.set_sandbox_id(sandbox_id);
  return calls_.unary<agent::ListProcessesResponse>(method("ListProcesses"), request,
                                                    {.timeout = kCallTimeout});
}

AgentClient::Reply<void> AgentClient::kill_process(const agent::KillProcessRequest& request) {
  return ignore_reply(calls_.unary<agent::KillProcessResponse>(method("KillProcess"), request,
                                                               {.timeout = kCallTimeout}));
}

AgentClient::Reply<ExecStream> AgentClient::connect_process(
    const agent::ConnectProcessRequest& request) {
  return streams_.stream<agent::ExecStreamResponse>(method("ConnectProcess"), request);
}

AgentClient::Reply<PtyStream> AgentClient::pty_attach(const agent::PtyAttachRequest& request) {
  return streams_.stream<agent::PtyAttachResponse>(method("PtyAttach"), request);
}

AgentClient::Reply<InputStream> AgentClient::pty_input() {
  return inputs_.client_stream<agent::SendInputRequest, agent::SendInputResponse>(
      method("PtySendInput"));
}

AgentClient::Reply<InputStream> AgentClient::stdin_input() {
  return inputs_.client_stream<agent::SendInputRequest, agent::SendInputResponse>(
      method("SendStdin"));
}

AgentClient::Reply<void> AgentClient::close_stdin(const agent::CloseStdinRequest& request) {
  return ignore_reply(calls_.unary<agent::CloseStdinResponse>(method("CloseStdin"), request,
                                                              {.timeout = kCallTimeout}));
}

AgentClient::Reply<void> AgentClient::pty_resize(const agent::PtyResizeRequest& request) {
  return ignore_reply(calls_.unary<agent::PtyResizeResponse>(method("PtyResize"), request,
                                                             {.timeout = kCallTimeout}));
}

AgentClient::Reply<void> AgentClient::pty_kill(const agent::PtyKillRequest& request) {
  return ignore_reply(
      calls_.unary<agent::PtyKillResponse>(method("PtyKill"), request, {.timeout = kCallTimeout}));
}

AgentClient::Reply<agent::ListDirResponse> AgentClient::list_dir(
    const agent::ListDirRequest& request) {
  return calls_.unary<agent::ListDirResponse>(method("ListDir"), request,
                                              {.timeout = kCallTimeout});
}

AgentClient::Reply<agent::MakeDirResponse> AgentClient::make_dir(
    const agent::MakeDirRequest& request) {
  return calls_.unary<agent::MakeDirResponse>(method("MakeDir"), request,
                                              {.timeout = kCallTimeout});
}

AgentClient::Reply<void> AgentClient::remove_path(const agent::RemovePathRequest& request) {
  return ignore_reply(calls_.unary<agent::RemovePathResponse>(method("RemovePath"), request,
                                                              {.timeout = kCallTimeout}));
}

AgentClient::Reply<agent::MovePathResponse> AgentClient::move_path(
    const agent::MovePathRequest& request) {
  return calls_.unary<agent::MovePathResponse>(method("MovePath"), request,
                                               {.timeout = kCallTimeout});
}

AgentClient::Reply<agent::ListPortsResponse> AgentClient::list_ports(
    const std::string& sandbox_id) {
  agent::ListPortsRequest request;
  request.set_sandbox_id(sandbox_id);
  return calls_.unary<agent::ListPortsResponse>(method("ListPorts"), request,
                                                {.timeout = kCallTimeout});
}

AgentClient::Reply<net::ClientResponse> AgentClient::read_file(FileTarget file) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await files_http_.send({.target = file_url(file)}));
  WRENN_CO_TRY(co_await check_status(response));
  co_return response;
}

AgentClient::Reply<void> AgentClient::write_file(FileTarget file, net::ByteSource& content) {
  WRENN_CO_TRY_ASSIGN(auto response,
                      co_await files_http_.send({.method = "PUT",
                                                 .target = file_url(file),
                                                 .headers = net::Headers().with(
                                                     "Content-Type", "application/octet-stream"),
                                                 .stream = &content}));
  WRENN_CO_TRY(co_await check_status(response));
  // To the end, so that the connection can be used again.
  const auto rest = co_await net::read_all(response, kMaxErrorBody);
  if (!rest) co_return base::fail(rest.error());
  co_return {};
}

}  // namespace wrenn::control
