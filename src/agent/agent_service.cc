#include "agent/agent_service.h"

#include "agent/exec.h"
#include "agent/machine.h"
#include "agent/network_policy.h"
#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

int value_or(std::int32_t value, int fallback) {
  return value == 0 ? fallback : value;
}

std::string type_name(filesystem::FileType type) {
  switch (type) {
    case filesystem::FILE_TYPE_FILE:
      return "file";
    case filesystem::FILE_TYPE_DIRECTORY:
      return "directory";
    case filesystem::FILE_TYPE_SYMLINK:
      return "symlink";
    default:
      return "unknown";
  }
}

pb::FileEntry to_file_entry(const filesystem::EntryInfo& info) {
  pb::FileEntry entry;
  entry.set_name(info.name());
  entry.set_path(info.path());
  entry.set_type(type_name(info.type()));
  entry.set_size(info.size());
  entry.set_mode(info.mode());
  entry.set_permissions(info.permissions());
  entry.set_owner(info.owner());
  entry.set_group(info.group());
  entry.set_modified_at(info.modified_time().seconds());
  if (info.has_symlink_target()) entry.set_symlink_target(info.symlink_target());
  return entry;
}

pb::SandboxInfo to_info(const SandboxView& view) {
  const auto& manifest = view.manifest;
  pb::SandboxInfo info;
  info.set_sandbox_id(manifest.id);
  info.set_status(view.status);
  info.set_template_(manifest.template_name);
  info.set_vcpus(manifest.vcpus);
  info.set_memory_mb(manifest.memory_mb);
  info.set_host_ip(view.host_ip);
  info.set_created_at_unix(manifest.created_unix_ms / 1000);
  info.set_last_active_at_unix(view.last_active_unix_ms / 1000);
  info.set_timeout_sec(manifest.timeout_sec);
  for (const auto& [name, value] : manifest.metadata) (*info.mutable_metadata())[name] = value;
  pb::Lifecycle& lifecycle = *info.mutable_lifecycle();
  lifecycle.set_timeout_sec(manifest.timeout_sec);
  lifecycle.set_end_at_unix_ms(manifest.end_at_unix_ms);
  lifecycle.set_on_timeout(manifest.is_killed_on_timeout ? "kill" : "pause");
  *info.mutable_network() = to_message(manifest.network);
  info.set_pause_mode(view.pause_mode);
  info.set_reason(manifest.reason);
  return info;
}

pb::TemplateInfo to_template_info(const TemplateView& view) {
  pb::TemplateInfo info;
  info.set_name(view.name);
  info.set_type(view.is_snapshot ? "snapshot" : "base");
  info.set_size_bytes(static_cast<std::int64_t>(view.size_bytes));
  info.set_created_at_unix(view.created_unix_ms / 1000);
  info.set_version(view.version);
  if (!view.is_snapshot) return info;
  info.set_vcpus(view.shape.vcpus);
  info.set_memory_mb(view.shape.memory_mb);
  info.set_disk_size_mb(view.shape.disk_mb);
  return info;
}

pb::HostState to_host_state(const Machine& machine, std::uint64_t reserved_mb) {
  const std::uint64_t available = machine.memory.available;
  const auto mb = [](std::uint64_t amount) { return static_cast<std::int64_t>(amount); };
  pb::HostState state;
  state.set_arch(machine.arch);
  state.set_cpu_cores(static_cast<std::int32_t>(machine.cpu_cores));
  state.set_memory_mb(mb(machine.memory.total));
  state.set_memory_reserved_mb(mb(reserved_mb));
  state.set_memory_free_mb(mb(available > reserved_mb ? available - reserved_mb : 0));
  state.set_disk_mb(mb(machine.disk_mb));
  state.set_disk_free_mb(mb(machine.disk_free_mb));
  return state;
}

Result<Lifecycle> to_lifecycle(const pb::Lifecycle& message) {
  const bool is_known = message.on_timeout().empty() || message.on_timeout() == "pause" ||
                        message.on_timeout() == "kill";
  if (!is_known) {
    return base::fail(Code::kInvalidArgument,
                      concat("on_timeout '", message.on_timeout(), "' is unknown"),
                      "use pause or kill");
  }
  if (message.timeout_sec() < 0 || message.timeout_sec() > kMaxTimeoutSec ||
      message.end_at_unix_ms() < 0) {
    return base::fail(Code::kInvalidArgument,
                      concat("timeout_sec must be from 0 to ", kMaxTimeoutSec,
                             ", and end_at_unix_ms not below 0"));
  }
  return Lifecycle{.timeout_sec = message.timeout_sec(),
                   .end_at_unix_ms = message.end_at_unix_ms(),
                   .is_killed = message.on_timeout() == "kill"};
}

template <class Request>
Result<std::optional<Lifecycle>> optional_lifecycle(const Request& request) {
  if (!request.has_lifecycle()) return std::optional<Lifecycle>();
  WRENN_TRY_ASSIGN(const Lifecycle lifecycle, to_lifecycle(request.lifecycle()));
  return std::optional(lifecycle);
}

// Of any response that has them.
template <class Response>
void set_timings(const Timings& timings, Response& response) {
  for (const auto& [step, ms] : timings) (*response.mutable_timings_ms())[step] = ms;
}

}  // namespace

void AgentService::add_to(connect::Router& router) {
  const auto path = [](std::string_view method) {
    return concat("/hostagent.v1.HostAgentService/", method);
  };
  router.unary(path("CreateSandbox"), *this, &AgentService::create);
  router.unary(path("DestroySandbox"), *this, &AgentService::destroy);
  router.unary(path("PauseSandbox"), *this, &AgentService::pause);
  router.unary(path("ResumeSandbox"), *this, &AgentService::resume);
  router.unary(path("HibernateSandbox"), *this, &AgentService::hibernate);
  router.unary(path("WakeSandbox"), *this, &AgentService::wake);
  router.unary(path("ForgetArchive"), *this, &AgentService::forget_archive);
  router.unary(path("ForkSandbox"), *this, &AgentService::fork);
  router.unary(path("SnapshotSandbox"), *this, &AgentService::snapshot);
  router.unary(path("SetLifecycle"), *this, &AgentService::set_lifecycle);
  router.unary(path("SetNetworkPolicy"), *this, &AgentService::set_network);
  router.unary(path("ListDenials"), *this, &AgentService::list_denials);
  router.unary(path("ListTemplates"), *this, &AgentService::list_templates);
  router.unary(path("DeleteTemplate"), *this, &AgentService::delete_template);
  router.unary(path("PingSandbox"), *this, &AgentService::ping);
  router.unary(path("ListSandboxes"), *this, &AgentService::list);
  router.unary(path("GetSandboxMetrics"), *this, &AgentService::metrics);
  router.stream(path("ExecStream"), *this, &AgentService::exec);
  router.unary(path("StartBackground"), *this, &AgentService::start_background);
  router.unary(path("ListProcesses"), *this, &AgentService::list_processes);
  router.unary(path("KillProcess"), *this, &AgentService::kill_process);
  router.unary(path("ListDir"), *this, &AgentService::list_dir);
  router.unary(path("MakeDir"), *this, &AgentService::make_dir);
  router.unary(path("RemovePath"), *this, &AgentService::remove_path);
  router.unary(path("MovePath"), *this, &AgentService::move_path);
  router.unary(path("ListPorts"), *this, &AgentService::list_ports);
}

AgentService::Reply<pb::CreateSandboxResponse> AgentService::create(
    Context&, const pb::CreateSandboxRequest& request) {
  CreateRequest create;
  create.id = request.sandbox_id();
  create.template_name =
      request.template_().empty() ? std::string(kDefaultTemplate) : request.template_();
  create.shape = {.vcpus = value_or(request.vcpus(), kDefaultVcpus),
                  .memory_mb = value_or(request.memory_mb(), kDefaultMemoryMb),
                  .disk_mb = value_or(request.disk_size_mb(), kDefaultDiskMb)};
  create.lifecycle.timeout_sec = request.timeout_sec();
  if (request.has_lifecycle()) {
    WRENN_CO_TRY_ASSIGN(create.lifecycle, to_lifecycle(request.lifecycle()));
  }
  WRENN_CO_TRY_ASSIGN(create.network, network_policy_of(request.network()));
  WRENN_CO_TRY_ASSIGN(const Outcome created, co_await manager_.create(std::move(create)));
  pb::CreateSandboxResponse response;
  *response.mutable_sandbox() = to_info(created.sandbox);
  response.set_sandbox_id(response.sandbox().sandbox_id());
  response.set_status(response.sandbox().status());
  response.set_host_ip(response.sandbox().host_ip());
  *response.mutable_metadata() = response.sandbox().metadata();
  set_timings(created.timings, response);
  co_return response;
}

AgentService::Reply<pb::PauseSandboxResponse> AgentService::pause(
    Context&, const pb::PauseSandboxRequest& request) {
  PauseMode mode = PauseMode::kMemory;
  if (request.mode() == "disk") {
    mode = PauseMode::kDisk;
  } else if (!request.mode().empty() && request.mode() != "memory") {
    co_return base::fail(Code::kInvalidArgument, concat("mode '", request.mode(), "' is unknown"),
                         "use memory or disk");
  }
  WRENN_CO_TRY_ASSIGN(const Outcome paused, co_await manager_.pause(request.sandbox_id(), mode));
  pb::PauseSandboxResponse response;
  *response.mutable_sandbox() = to_info(paused.sandbox);
  set_timings(paused.timings, response);
  co_return response;
}

AgentService::Reply<pb::ResumeSandboxResponse> AgentService::resume(
    Context&, const pb::ResumeSandboxRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto lifecycle, optional_lifecycle(request));
  WRENN_CO_TRY_ASSIGN(const Outcome resumed,
                      co_await manager_.resume(request.sandbox_id(), lifecycle));
  pb::ResumeSandboxResponse response;
  *response.mutable_sandbox() = to_info(resumed.sandbox);
  set_timings(resumed.timings, response);
  co_return response;
}

AgentService::Reply<pb::HibernateSandboxResponse> AgentService::hibernate(
    Context&, const pb::HibernateSandboxRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto hibernated, co_await manager_.hibernate(request.sandbox_id()));
  pb::HibernateSandboxResponse response;
  response.set_size_bytes(static_cast<std::int64_t>(hibernated.bytes));
  set_timings(hibernated.timings, response);
  co_return response;
}

AgentService::Reply<pb::WakeSandboxResponse> AgentService::wake(
    Context&, const pb::WakeSandboxRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto lifecycle, optional_lifecycle(request));
  WRENN_CO_TRY_ASSIGN(const Outcome woken, co_await manager_.wake(request.sandbox_id(), lifecycle));
  pb::WakeSandboxResponse response;
  *response.mutable_sandbox() = to_info(woken.sandbox);
  set_timings(woken.timings, response);
  co_return response;
}

AgentService::Reply<pb::ForgetArchiveResponse> AgentService::forget_archive(
    Context&, const pb::ForgetArchiveRequest& request) {
  WRENN_CO_TRY(co_await manager_.forget_archive(request.sandbox_id()));
  co_return pb::ForgetArchiveResponse();
}

AgentService::Reply<pb::ForkSandboxResponse> AgentService::fork(
    Context&, const pb::ForkSandboxRequest& request) {
  constexpr int kMaxForks = 100;
  if (request.fork_ids_size() < 1 || request.fork_ids_size() > kMaxForks) {
    co_return base::fail(Code::kInvalidArgument,
                         concat("fork_ids must hold 1 to ", kMaxForks, " ids"));
  }
  ForkRequest fork{.id = request.sandbox_id(),
                   .fork_ids = {request.fork_ids().begin(), request.fork_ids().end()},
                   .lifecycle = std::nullopt};
  WRENN_CO_TRY_ASSIGN(fork.lifecycle, optional_lifecycle(request));
  Timings timings;
  WRENN_CO_TRY_ASSIGN(const auto outcomes, co_await manager_.fork(std::move(fork), timings));
  pb::ForkSandboxResponse response;
  for (const auto& outcome : outcomes) {
    pb::ForkResult& result = *response.add_forks();
    if (outcome.sandbox) {
      *result.mutable_sandbox() = to_info(*outcome.sandbox);
      continue;
    }
    result.mutable_sandbox()->set_sandbox_id(outcome.id);
    result.set_error_code(std::string(base::code_name(outcome.sandbox.error().code)));
    result.set_error(outcome.sandbox.error().message);
  }
  set_timings(timings, response);
  co_return response;
}

AgentService::Reply<pb::SnapshotSandboxResponse> AgentService::snapshot(
    Context&, const pb::SnapshotSandboxRequest& request) {
  Timings timings;
  std::optional<storage::GuestDefaults> defaults;
  if (request.has_defaults()) {
    const auto& given = request.defaults();
    defaults = {given.user(), given.workdir(), {given.envs().begin(), given.envs().end()}};
  }
  WRENN_CO_TRY_ASSIGN(const TemplateView made,
                      co_await manager_.snapshot(request.sandbox_id(), request.name(),
                                                 std::move(defaults), timings));
  pb::SnapshotSandboxResponse response;
  *response.mutable_template_() = to_template_info(made);
  set_timings(timings, response);
  co_return response;
}

AgentService::Reply<pb::SetLifecycleResponse> AgentService::set_lifecycle(
    Context&, const pb::SetLifecycleRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Lifecycle lifecycle, to_lifecycle(request.lifecycle()));
  WRENN_CO_TRY(co_await manager_.set_lifecycle(request.sandbox_id(), lifecycle));
  co_return pb::SetLifecycleResponse();
}

AgentService::Reply<pb::SetNetworkPolicyResponse> AgentService::set_network(
    Context&, const pb::SetNetworkPolicyRequest& request) {
  // Left out by mistake, it would open what is closed.
  if (!request.has_network()) co_return base::fail(Code::kInvalidArgument, "network is missing");
  WRENN_CO_TRY_ASSIGN(auto policy, network_policy_of(request.network()));
  WRENN_CO_TRY(co_await manager_.set_network(request.sandbox_id(), std::move(policy)));
  co_return pb::SetNetworkPolicyResponse();
}

AgentService::Reply<pb::ListDenialsResponse> AgentService::list_denials(
    Context&, const pb::ListDenialsRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto denials, co_await manager_.denials(request.sandbox_id()));
  pb::ListDenialsResponse response;
  for (const auto& denial : denials) *response.add_denials() = to_message(denial);
  co_return response;
}

AgentService::Reply<pb::ListTemplatesResponse> AgentService::list_templates(
    Context&, const pb::ListTemplatesRequest&) {
  WRENN_CO_TRY_ASSIGN(const auto views, co_await manager_.templates().list());
  pb::ListTemplatesResponse response;
  for (const auto& view : views) *response.add_templates() = to_template_info(view);
  co_return response;
}

AgentService::Reply<pb::DeleteTemplateResponse> AgentService::delete_template(
    Context&, const pb::DeleteTemplateRequest& request) {
  WRENN_CO_TRY_ASSIGN(const auto name, storage::Name::parse("template name", request.name()));
  WRENN_CO_TRY(co_await manager_.templates().remove(name));
  co_return pb::DeleteTemplateResponse();
}

AgentService::Reply<pb::DestroySandboxResponse> AgentService::destroy(
    Context&, const pb::DestroySandboxRequest& request) {
  WRENN_CO_TRY(co_await manager_.destroy(request.sandbox_id()));
  co_return pb::DestroySandboxResponse();
}

AgentService::Reply<pb::PingSandboxResponse> AgentService::ping(
    Context&, const pb::PingSandboxRequest& request) {
  WRENN_CO_TRY(manager_.use(request.sandbox_id()));
  co_return pb::PingSandboxResponse();
}

AgentService::Reply<pb::ListSandboxesResponse> AgentService::list(Context&,
                                                                  const pb::ListSandboxesRequest&) {
  pb::ListSandboxesResponse response;
  for (const auto& view : manager_.list()) *response.add_sandboxes() = to_info(view);
  *response.mutable_host() = to_host_state(manager_.machine(), manager_.memory_reserved_mb());
  co_return response;
}

AgentService::Reply<pb::GetSandboxMetricsResponse> AgentService::metrics(
    Context&, const pb::GetSandboxMetricsRequest& request) {
  const std::chrono::seconds span(std::max(0, request.span_sec()));
  WRENN_CO_TRY_ASSIGN(const auto points, manager_.resources(request.sandbox_id(), span));
  pb::GetSandboxMetricsResponse response;
  for (const ResourcePoint& point : points) {
    pb::MetricPoint& out = *response.add_points();
    out.set_timestamp_unix(point.unix_sec);
    out.set_cpu_pct(point.cpu_pct);
    out.set_mem_bytes(static_cast<std::int64_t>(point.mem_bytes));
    out.set_disk_bytes(static_cast<std::int64_t>(point.disk_bytes));
    out.set_net_rx_bytes(static_cast<std::int64_t>(point.net_rx_bytes));
    out.set_net_tx_bytes(static_cast<std::int64_t>(point.net_tx_bytes));
  }
  co_return response;
}

AgentService::Reply<void> AgentService::exec(Context& context, const pb::ExecStreamRequest& request,
                                             connect::StreamWriter<pb::ExecStreamResponse>& out) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  Exec exec(use.guest(), use.token(), out);
  co_return co_await while_it_lives(use, exec.run(request, context));
}

AgentService::Reply<pb::StartBackgroundResponse> AgentService::start_background(
    Context&, const pb::StartBackgroundRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  const std::string tag =
      request.tag().empty() ? concat("proc-", base::to_hex(base::random_bytes(4))) : request.tag();
  Command command{.cmd = request.cmd(),
                  .args = {request.args().begin(), request.args().end()},
                  .envs = {request.envs().begin(), request.envs().end()},
                  .cwd = request.cwd(),
                  .user = request.user(),
                  .tag = tag,
                  .limit = {}};
  WRENN_CO_TRY_ASSIGN(auto events,
                      co_await while_it_lives(use, use.guest().start(std::move(command))));
  WRENN_CO_TRY_ASSIGN(const auto first, co_await while_it_lives(use, events.next()));
  if (!first || !first->event().has_start()) {
    co_return base::fail(Code::kInternal, "the guest did not say that the command started");
  }
  pb::StartBackgroundResponse response;
  response.set_pid(first->event().start().pid());
  response.set_tag(tag);
  co_return response;
}

AgentService::Reply<pb::ListProcessesResponse> AgentService::list_processes(
    Context&, const pb::ListProcessesRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(const auto listed,
                      co_await while_it_lives(use, use.guest().list_processes()));
  pb::ListProcessesResponse response;
  for (const auto& process : listed.processes()) {
    auto& entry = *response.add_processes();
    entry.set_pid(process.pid());
    entry.set_tag(process.tag());
    entry.set_cmd(process.config().cmd());
    *entry.mutable_args() = process.config().args();
  }
  co_return response;
}

AgentService::Reply<pb::KillProcessResponse> AgentService::kill_process(
    Context&, const pb::KillProcessRequest& request) {
  process::ProcessSelector selector;
  if (request.has_pid()) {
    selector.set_pid(request.pid());
  } else {
    selector.set_tag(request.tag());
  }
  process::Signal signal = process::SIGNAL_SIGKILL;
  if (request.signal() == "SIGTERM") {
    signal = process::SIGNAL_SIGTERM;
  } else if (!request.signal().empty() && request.signal() != "SIGKILL") {
    co_return base::fail(Code::kInvalidArgument,
                         concat("signal '", request.signal(), "' cannot be sent"),
                         "use SIGKILL or SIGTERM");
  }
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY(co_await while_it_lives(use, use.guest().signal(std::move(selector), signal)));
  co_return pb::KillProcessResponse();
}

AgentService::Reply<pb::ListDirResponse> AgentService::list_dir(Context&,
                                                                const pb::ListDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(
      const auto listed,
      co_await while_it_lives(use, use.guest().list_dir(request.path(), request.depth())));
  pb::ListDirResponse response;
  for (const auto& info : listed.entries()) *response.add_entries() = to_file_entry(info);
  co_return response;
}

AgentService::Reply<pb::MakeDirResponse> AgentService::make_dir(Context&,
                                                                const pb::MakeDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(const auto made,
                      co_await while_it_lives(use, use.guest().make_dir(request.path())));
  pb::MakeDirResponse response;
  *response.mutable_entry() = to_file_entry(made.entry());
  co_return response;
}

AgentService::Reply<pb::RemovePathResponse> AgentService::remove_path(
    Context&, const pb::RemovePathRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY(co_await while_it_lives(use, use.guest().remove(request.path())));
  co_return pb::RemovePathResponse();
}

AgentService::Reply<pb::MovePathResponse> AgentService::move_path(
    Context&, const pb::MovePathRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(const auto moved,
                      co_await while_it_lives(use, use.guest().move(request.from(), request.to())));
  pb::MovePathResponse response;
  *response.mutable_entry() = to_file_entry(moved.entry());
  co_return response;
}

AgentService::Reply<pb::ListPortsResponse> AgentService::list_ports(
    Context&, const pb::ListPortsRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(const auto listed, co_await while_it_lives(use, use.guest().list_ports()));
  pb::ListPortsResponse response;
  for (const auto& port : listed.ports()) {
    auto& entry = *response.add_ports();
    entry.set_port(port.port());
    *entry.mutable_addresses() = port.addresses();
    entry.set_reachable(port.reachable());
  }
  co_return response;
}

}  // namespace wrenn::agent
