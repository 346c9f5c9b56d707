#include "agent/agent_service.h"

#include "agent/exec.h"
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
  info.set_status(view.is_ruin ? "error" : "running");
  info.set_template_(manifest.template_name);
  info.set_vcpus(manifest.vcpus);
  info.set_memory_mb(manifest.memory_mb);
  info.set_host_ip(view.host_ip);
  info.set_created_at_unix(manifest.created_unix_ms / 1000);
  info.set_last_active_at_unix(view.last_active_unix_ms / 1000);
  info.set_timeout_sec(manifest.timeout_sec);
  for (const auto& [name, value] : manifest.metadata) (*info.mutable_metadata())[name] = value;
  info.set_memory_bytes(static_cast<std::int64_t>(view.stats.memory_bytes));
  info.set_cpu_usec(static_cast<std::int64_t>(view.stats.cpu_usec));
  info.set_disk_bytes(static_cast<std::int64_t>(view.disk_bytes));
  return info;
}

}  // namespace

void AgentService::add_to(connect::Router& router) {
  const auto path = [](std::string_view method) {
    return concat("/hostagent.v1.HostAgentService/", method);
  };
  router.unary(path("CreateSandbox"), *this, &AgentService::create);
  router.unary(path("DestroySandbox"), *this, &AgentService::destroy);
  router.unary(path("PingSandbox"), *this, &AgentService::ping);
  router.unary(path("ListSandboxes"), *this, &AgentService::list);
  router.stream(path("ExecStream"), *this, &AgentService::exec);
  router.unary(path("StartBackground"), *this, &AgentService::start_background);
  router.unary(path("ListProcesses"), *this, &AgentService::list_processes);
  router.unary(path("KillProcess"), *this, &AgentService::kill_process);
  router.unary(path("ListDir"), *this, &AgentService::list_dir);
  router.unary(path("MakeDir"), *this, &AgentService::make_dir);
  router.unary(path("RemovePath"), *this, &AgentService::remove_path);
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
  create.timeout_sec = request.timeout_sec();
  WRENN_CO_TRY_ASSIGN(const CreatedSandbox created, co_await manager_.create(std::move(create)));
  pb::CreateSandboxResponse response;
  response.set_sandbox_id(created.id);
  response.set_status("running");
  response.set_host_ip(created.host_ip);
  for (const auto& [name, value] : created.metadata) (*response.mutable_metadata())[name] = value;
  for (const auto& [step, ms] : created.timings_ms) (*response.mutable_timings_ms())[step] = ms;
  co_return response;
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
  WRENN_CO_TRY_ASSIGN(const auto views, co_await manager_.list());
  pb::ListSandboxesResponse response;
  for (const auto& view : views) *response.add_sandboxes() = to_info(view);
  co_return response;
}

AgentService::Reply<void> AgentService::exec(Context& context, const pb::ExecStreamRequest& request,
                                             connect::StreamWriter<pb::ExecStreamResponse>& out) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  Exec exec(*use->guest, use.token(), out);
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
                      co_await while_it_lives(use, use->guest->start(std::move(command))));
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
                      co_await while_it_lives(use, use->guest->list_processes()));
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
  WRENN_CO_TRY(co_await while_it_lives(use, use->guest->signal(std::move(selector), signal)));
  co_return pb::KillProcessResponse();
}

AgentService::Reply<pb::ListDirResponse> AgentService::list_dir(Context&,
                                                                const pb::ListDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(
      const auto listed,
      co_await while_it_lives(use, use->guest->list_dir(request.path(), request.depth())));
  pb::ListDirResponse response;
  for (const auto& info : listed.entries()) *response.add_entries() = to_file_entry(info);
  co_return response;
}

AgentService::Reply<pb::MakeDirResponse> AgentService::make_dir(Context&,
                                                                const pb::MakeDirRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(const auto made,
                      co_await while_it_lives(use, use->guest->make_dir(request.path())));
  pb::MakeDirResponse response;
  *response.mutable_entry() = to_file_entry(made.entry());
  co_return response;
}

AgentService::Reply<pb::RemovePathResponse> AgentService::remove_path(
    Context&, const pb::RemovePathRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY(co_await while_it_lives(use, use->guest->remove(request.path())));
  co_return pb::RemovePathResponse();
}

AgentService::Reply<pb::ListPortsResponse> AgentService::list_ports(
    Context&, const pb::ListPortsRequest& request) {
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(request.sandbox_id()));
  WRENN_CO_TRY_ASSIGN(const auto listed, co_await while_it_lives(use, use->guest->list_ports()));
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
