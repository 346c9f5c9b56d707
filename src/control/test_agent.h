// For tests of the control plane: the agent's side of its protocol, on a Unix socket, with
// sandboxes that are nothing but entries in a map.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "connect/error.h"
#include "connect/router.h"
#include "control/api/requests.h"
#include "control/test_gate.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/sync.h"
#include "proto/agent.pb.h"

namespace wrenn::control {

class TestAgent final : public net::HttpHandler {
 public:
  template <class T>
  using Reply = net::Task<base::Result<T>>;
  using Context = connect::CallContext;

  // `archives`: the object storage, which several may share.
  explicit TestAgent(std::map<std::string, hostagent::v1::SandboxInfo>* archives)
      : archives_(*archives) {
    using A = TestAgent;
    add("CreateSandbox", &A::create);
    add("DestroySandbox", &A::destroy);
    add("PauseSandbox", &A::pause);
    add("ResumeSandbox", &A::resume);
    add("HibernateSandbox", &A::hibernate);
    add("WakeSandbox", &A::wake);
    add("ForgetArchive", &A::forget);
    add("ForkSandbox", &A::fork);
    add("SnapshotSandbox", &A::snapshot);
    add("SetLifecycle", &A::set_lifecycle);
    add("SetNetworkPolicy", &A::set_network);
    add("ListDenials", &A::list_denials);
    add("ListTemplates", &A::list_templates);
    add("DeleteTemplate", &A::delete_template);
    add("PingSandbox", &A::ping);
    add("ListSandboxes", &A::list);
    add("GetSandboxMetrics", &A::metrics);
    add("StartBackground", &A::start_background);
    add("ListProcesses", &A::list_processes);
    add("KillProcess", &A::kill_process);
    add("ListDir", &A::list_dir);
    add("MakeDir", &A::make_dir);
    add("RemovePath", &A::remove_path);
    add("MovePath", &A::move_path);
    add("ListPorts", &A::list_ports);
    add("CloseStdin", &A::close_stdin);
    add("PtyResize", &A::resize_pty);
    add("PtyKill", &A::kill_pty);
    router_.stream("/hostagent.v1.HostAgentService/ExecStream", *this, &A::exec);
    router_.stream("/hostagent.v1.HostAgentService/PtyAttach", *this, &A::attach_pty);
    router_.stream("/hostagent.v1.HostAgentService/ConnectProcess", *this, &A::connect_process);
    router_.client_stream("/hostagent.v1.HostAgentService/PtySendInput", *this, &A::take_input);
    router_.client_stream("/hostagent.v1.HostAgentService/SendStdin", *this, &A::take_input);
  }

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override {
    request_ids.emplace(request.headers().find("x-request-id").value_or(""));
    if (router_.owns(request.path())) return router_.handle(request, response);
    return request.method() == "PUT" ? put_file(request, response) : get_file(request, response);
  }

  std::map<std::string, hostagent::v1::SandboxInfo> sandboxes;
  std::map<std::string, std::string> files;  // By path, of all sandboxes.
  std::set<std::string> request_ids;         // Of all calls.
  std::uint64_t largest_upload = 0;
  std::uint64_t cut_uploads = 0;
  int archive_exit = 0;  // Of a command that is to pack "/dir".
  int commands_cut = 0;
  hostagent::v1::ExecStreamRequest last_exec;
  hostagent::v1::StartBackgroundRequest last_background;
  hostagent::v1::KillProcessRequest last_kill;
  Gate gate;  // In front of creates, pauses, resumes, hibernation and waking.
  bool changes_fail = false;
  std::optional<hostagent::v1::HostState> machine;  // Nothing: as older agents.
  int pauses = 0;
  int resumes = 0;
  bool has_storage = true;
  bool knows_networks = true;                  // Older agents do not.
  std::vector<hostagent::v1::Denial> denials;  // Of all sandboxes.
  int wakes = 0;
  hostagent::v1::CreateSandboxRequest last_create;
  std::map<std::string, hostagent::v1::TemplateInfo> templates;
  hostagent::v1::PtyAttachRequest last_pty;
  int absences = 0;
  std::uint64_t bytes_dropped = 0;  // Of what an old terminal has written.
  hostagent::v1::ConnectProcessRequest last_connect;
  // Of all terminals: input as it came, "|COLSxROWS|" for a new size, "|kill|", "|close|".
  std::string typed;
  net::WaitList typing;
  int input_calls = 0;

 private:
  template <class Req, class Res>
  void add(std::string_view name, Reply<Res> (TestAgent::*member)(Context&, const Req&)) {
    router_.unary(base::concat("/hostagent.v1.HostAgentService/", name), *this, member);
  }

  Reply<hostagent::v1::CreateSandboxResponse> create(
      Context&, const hostagent::v1::CreateSandboxRequest& request) {
    WRENN_CO_TRY(co_await gate.pass());
    if (request.template_() == "unknown") {
      co_return base::fail(base::Code::kNotFound, "template unknown not found");
    }
    if (request.template_() == "full") {
      co_return base::fail(base::Code::kResourceExhausted, "no memory left", "destroy a sandbox");
    }
    last_create = request;
    hostagent::v1::CreateSandboxResponse response;
    auto& made = add_sandbox(request.sandbox_id(), request.lifecycle());
    if (knows_networks) *made.mutable_network() = request.network();
    *response.mutable_sandbox() = made;
    (*response.mutable_timings_ms())["restore"] = 12.5;
    co_return response;
  }
  hostagent::v1::SandboxInfo& add_sandbox(const std::string& id,
                                          const hostagent::v1::Lifecycle& lifecycle) {
    auto& info = sandboxes[id];
    info.set_sandbox_id(id);
    info.set_status("running");
    info.set_host_ip("10.11.0.2");
    (*info.mutable_metadata())["kernel_version"] = "6.1";
    *info.mutable_lifecycle() = lifecycle;
    return info;
  }
  base::Result<hostagent::v1::SandboxInfo*> find(const std::string& id) {
    const auto found = sandboxes.find(id);
    if (found != sandboxes.end()) return &found->second;
    return base::fail(base::Code::kNotFound, "no such sandbox");
  }
  base::Result<void> check_awake(const std::string& id) {
    const auto found = sandboxes.find(id);
    if (found == sandboxes.end() || found->second.status() != "paused") return {};
    return base::fail(base::Code::kFailedPrecondition, base::concat("sandbox ", id, " is paused"),
                      "resume it first");
  }
  Reply<hostagent::v1::PauseSandboxResponse> pause(
      Context&, const hostagent::v1::PauseSandboxRequest& request) {
    ++pauses;
    WRENN_CO_TRY(co_await gate.pass());
    if (changes_fail) co_return base::fail(base::Code::kResourceExhausted, "the disk is full");
    WRENN_CO_TRY_ASSIGN(auto* info, find(request.sandbox_id()));
    info->set_status("paused");
    info->set_pause_mode(request.mode());
    info->set_host_ip("");
    hostagent::v1::PauseSandboxResponse response;
    *response.mutable_sandbox() = *info;
    (*response.mutable_timings_ms())["save"] = 5;
    co_return response;
  }
  Reply<hostagent::v1::ResumeSandboxResponse> resume(
      Context&, const hostagent::v1::ResumeSandboxRequest& request) {
    ++resumes;
    WRENN_CO_TRY(co_await gate.pass());
    if (changes_fail) co_return base::fail(base::Code::kResourceExhausted, "no memory left");
    WRENN_CO_TRY(find(request.sandbox_id()));
    hostagent::v1::ResumeSandboxResponse response;
    *response.mutable_sandbox() = add_sandbox(request.sandbox_id(), request.lifecycle());
    (*response.mutable_timings_ms())["start"] = 7;
    co_return response;
  }
  base::Result<void> check_storage() const {
    if (has_storage) return {};
    return base::fail(base::Code::kFailedPrecondition, "this host has no object storage",
                      "name one in its configuration");
  }
  Reply<hostagent::v1::HibernateSandboxResponse> hibernate(
      Context&, const hostagent::v1::HibernateSandboxRequest& request) {
    WRENN_CO_TRY(co_await gate.pass());
    WRENN_CO_TRY(check_storage());
    WRENN_CO_TRY_ASSIGN(auto* info, find(request.sandbox_id()));
    if (info->status() != "paused") {
      co_return base::fail(base::Code::kFailedPrecondition, "it is not paused");
    }
    archives_[request.sandbox_id()] = *info;
    sandboxes.erase(request.sandbox_id());
    hostagent::v1::HibernateSandboxResponse response;
    response.set_size_bytes(4711);
    (*response.mutable_timings_ms())["upload"] = 11;
    co_return response;
  }
  Reply<hostagent::v1::WakeSandboxResponse> wake(Context&,
                                                 const hostagent::v1::WakeSandboxRequest& request) {
    ++wakes;
    WRENN_CO_TRY(co_await gate.pass());
    WRENN_CO_TRY(check_storage());
    if (changes_fail) co_return base::fail(base::Code::kResourceExhausted, "no memory left");
    if (!archives_.contains(request.sandbox_id())) {
      co_return base::fail(base::Code::kNotFound, "there is no archive of it");
    }
    hostagent::v1::WakeSandboxResponse response;
    *response.mutable_sandbox() = add_sandbox(request.sandbox_id(), request.lifecycle());
    (*response.mutable_timings_ms())["fetch"] = 13;
    co_return response;
  }
  Reply<hostagent::v1::ForgetArchiveResponse> forget(
      Context&, const hostagent::v1::ForgetArchiveRequest& request) {
    WRENN_CO_TRY(check_storage());
    archives_.erase(request.sandbox_id());
    co_return hostagent::v1::ForgetArchiveResponse();
  }
  // The second of several cannot be made.
  Reply<hostagent::v1::ForkSandboxResponse> fork(Context&,
                                                 const hostagent::v1::ForkSandboxRequest& request) {
    WRENN_CO_TRY(find(request.sandbox_id()));
    if (changes_fail) co_return base::fail(base::Code::kResourceExhausted, "no memory left");
    hostagent::v1::ForkSandboxResponse response;
    for (const auto& id : request.fork_ids()) {
      auto& result = *response.add_forks();
      result.mutable_sandbox()->set_sandbox_id(id);
      if (response.forks_size() == 2) {
        result.set_error_code("resource_exhausted");
        result.set_error("no memory left");
        continue;
      }
      *result.mutable_sandbox() = add_sandbox(id, request.lifecycle());
    }
    (*response.mutable_timings_ms())["source_stopped"] = 9;
    co_return response;
  }
  Reply<hostagent::v1::SnapshotSandboxResponse> snapshot(
      Context&, const hostagent::v1::SnapshotSandboxRequest& request) {
    WRENN_CO_TRY(find(request.sandbox_id()));
    hostagent::v1::SnapshotSandboxResponse response;
    response.mutable_template_()->set_name(request.name());
    response.mutable_template_()->set_type("snapshot");
    response.mutable_template_()->set_size_bytes(4711);
    templates[request.name()] = response.template_();
    co_return response;
  }
  Reply<hostagent::v1::SetLifecycleResponse> set_lifecycle(
      Context&, const hostagent::v1::SetLifecycleRequest& request) {
    WRENN_CO_TRY_ASSIGN(auto* info, find(request.sandbox_id()));
    *info->mutable_lifecycle() = request.lifecycle();
    co_return hostagent::v1::SetLifecycleResponse();
  }
  Reply<hostagent::v1::SetNetworkPolicyResponse> set_network(
      Context&, const hostagent::v1::SetNetworkPolicyRequest& request) {
    WRENN_CO_TRY(co_await gate.pass());
    if (changes_fail) co_return base::fail(base::Code::kInternal, "nft is broken");
    WRENN_CO_TRY_ASSIGN(auto* info, find(request.sandbox_id()));
    *info->mutable_network() = request.network();
    co_return hostagent::v1::SetNetworkPolicyResponse();
  }
  Reply<hostagent::v1::ListDenialsResponse> list_denials(
      Context&, const hostagent::v1::ListDenialsRequest& request) {
    WRENN_CO_TRY(check_awake(request.sandbox_id()));
    hostagent::v1::ListDenialsResponse response;
    response.mutable_denials()->Assign(denials.begin(), denials.end());
    co_return response;
  }
  Reply<hostagent::v1::ListTemplatesResponse> list_templates(
      Context&, const hostagent::v1::ListTemplatesRequest&) {
    hostagent::v1::ListTemplatesResponse response;
    auto& image = *response.add_templates();
    image.set_name("minimal");
    image.set_type("base");
    for (const auto& [name, info] : templates) *response.add_templates() = info;
    co_return response;
  }
  Reply<hostagent::v1::DeleteTemplateResponse> delete_template(
      Context&, const hostagent::v1::DeleteTemplateRequest& request) {
    templates.erase(request.name());
    co_return hostagent::v1::DeleteTemplateResponse();
  }
  Reply<hostagent::v1::DestroySandboxResponse> destroy(
      Context&, const hostagent::v1::DestroySandboxRequest& request) {
    sandboxes.erase(request.sandbox_id());
    co_return hostagent::v1::DestroySandboxResponse();
  }
  Reply<hostagent::v1::PingSandboxResponse> ping(Context&,
                                                 const hostagent::v1::PingSandboxRequest& request) {
    WRENN_CO_TRY(check_awake(request.sandbox_id()));
    co_return hostagent::v1::PingSandboxResponse();
  }
  Reply<hostagent::v1::GetSandboxMetricsResponse> metrics(
      Context&, const hostagent::v1::GetSandboxMetricsRequest& request) {
    hostagent::v1::GetSandboxMetricsResponse response;
    auto& point = *response.add_points();
    point.set_timestamp_unix(1'000'000 + request.span_sec());
    point.set_cpu_pct(12.3456);
    point.set_mem_bytes(30 << 20);
    co_return response;
  }
  Reply<hostagent::v1::ListSandboxesResponse> list(Context&,
                                                   const hostagent::v1::ListSandboxesRequest&) {
    hostagent::v1::ListSandboxesResponse response;
    for (const auto& [id, info] : sandboxes) *response.add_sandboxes() = info;
    if (machine) *response.mutable_host() = *machine;
    co_return response;
  }

  // The command's name says what it does.
  net::Task<base::Result<void>> exec(
      Context&, const hostagent::v1::ExecStreamRequest& request,
      connect::StreamWriter<hostagent::v1::ExecStreamResponse>& writer) {
    last_exec = request;
    if (request.cmd() == "none") {
      co_return base::fail(base::Code::kNotFound, "there is no command none");
    }
    hostagent::v1::ExecStreamResponse event;
    event.mutable_start()->set_pid(7);
    WRENN_CO_TRY(co_await writer.write(event));
    if (request.cmd() == "late") {
      co_return base::fail(base::Code::kDeadlineExceeded, "the time is up");
    }
    if (request.cmd() == "sleep") {
      auto slept = co_await net::sleep_for(std::chrono::hours(1));
      if (!slept) ++commands_cut;
      co_return slept;
    }
    if (request.args_size() > 3 && request.args(3) == "/no-dir") {
      event.mutable_end()->set_exit_code(66);
      co_return co_await writer.write(event);
    }
    if (request.args_size() > 3 && request.args(3) == "/dir") {
      event.mutable_data()->set_stdout("an ");
      WRENN_CO_TRY(co_await writer.write(event));
      event.mutable_data()->set_stderr("a warning\n");
      WRENN_CO_TRY(co_await writer.write(event));
      event.mutable_data()->set_stdout("archive");
      WRENN_CO_TRY(co_await writer.write(event));
      event.mutable_end()->set_exit_code(archive_exit);
      co_return co_await writer.write(event);
    }
    const std::string bytes = request.cmd() == "binary" ? "\xff\xfe" : "hello\n";
    const int times = request.cmd() == "much" ? 17 : 1;
    for (int i = 0; i < times; ++i) {
      event.mutable_data()->set_stdout(times > 1 ? std::string(1 << 20, 'x') : bytes);
      WRENN_CO_TRY(co_await writer.write(event));
    }
    event.mutable_data()->set_stderr("oops\n");
    WRENN_CO_TRY(co_await writer.write(event));
    event.mutable_end()->set_exit_code(3);
    co_return co_await writer.write(event);
  }

  // "echo" sends back what is typed until it is killed; another command ends at once. "lost" is cut
  // after some output, and so many attempts to attach again as `absences` says fail.
  net::Task<base::Result<void>> attach_pty(
      Context&, const hostagent::v1::PtyAttachRequest& request,
      connect::StreamWriter<hostagent::v1::PtyAttachResponse>& writer) {
    last_pty = request;
    if (request.tag() == "unknown") co_return base::fail(base::Code::kNotFound, "no such tag");
    if (request.has_offset() && absences-- > 0) {
      co_return base::fail(base::Code::kUnavailable, "the agent is away");
    }
    hostagent::v1::PtyAttachResponse event;
    event.mutable_started()->set_pid(8);
    event.mutable_started()->set_tag(request.tag().empty() ? "pty-1" : request.tag());
    event.mutable_started()->set_offset(request.offset() +
                                        (request.has_offset() ? bytes_dropped : 0));
    WRENN_CO_TRY(co_await writer.write(event));
    if (request.cmd() == "lost") {
      event.mutable_output()->set_data("half");
      WRENN_CO_TRY(co_await writer.write(event));
      co_return base::fail(base::Code::kUnavailable, "cut");
    }
    std::size_t sent = 0;
    while (request.cmd() == "echo" && !typed.contains("|kill|")) {
      if (sent == typed.size() && co_await typing.wait() == net::Woken::kStopped) {
        co_return base::fail(net::stopped_error());
      }
      event.mutable_output()->set_data(typed.substr(sent));
      event.mutable_output()->set_offset(sent);
      sent = typed.size();
      WRENN_CO_TRY(co_await writer.write(event));
    }
    event.mutable_exited()->set_exit_code(5);
    co_return co_await writer.write(event);
  }
  net::Task<base::Result<void>> connect_process(
      Context&, const hostagent::v1::ConnectProcessRequest& request,
      connect::StreamWriter<hostagent::v1::ExecStreamResponse>& writer) {
    last_connect = request;
    hostagent::v1::ExecStreamResponse event;
    event.mutable_start()->set_pid(42);
    event.mutable_start()->set_offset(request.offset());
    WRENN_CO_TRY(co_await writer.write(event));
    event.mutable_end()->set_exit_code(0);
    co_return co_await writer.write(event);
  }
  Reply<hostagent::v1::SendInputResponse> take_input(
      Context&, connect::StreamReader<hostagent::v1::SendInputRequest>& in) {
    ++input_calls;
    while (true) {
      WRENN_CO_TRY_ASSIGN(const auto piece, co_await in.next());
      if (!piece) break;
      type(piece->data());
    }
    co_return hostagent::v1::SendInputResponse();
  }
  void type(std::string_view what) {
    typed += what;
    typing.wake_all();
  }
  Reply<hostagent::v1::CloseStdinResponse> close_stdin(Context&,
                                                       const hostagent::v1::CloseStdinRequest&) {
    type("|close|");
    co_return hostagent::v1::CloseStdinResponse();
  }
  Reply<hostagent::v1::PtyResizeResponse> resize_pty(
      Context&, const hostagent::v1::PtyResizeRequest& request) {
    type(base::concat("|", request.cols(), "x", request.rows(), "|"));
    co_return hostagent::v1::PtyResizeResponse();
  }
  Reply<hostagent::v1::PtyKillResponse> kill_pty(Context&, const hostagent::v1::PtyKillRequest&) {
    type("|kill|");
    co_return hostagent::v1::PtyKillResponse();
  }

  Reply<hostagent::v1::StartBackgroundResponse> start_background(
      Context&, const hostagent::v1::StartBackgroundRequest& request) {
    last_background = request;
    hostagent::v1::StartBackgroundResponse response;
    response.set_pid(42);
    response.set_tag(request.tag());
    co_return response;
  }
  Reply<hostagent::v1::ListProcessesResponse> list_processes(
      Context&, const hostagent::v1::ListProcessesRequest& request) {
    WRENN_CO_TRY(check_awake(request.sandbox_id()));
    hostagent::v1::ListProcessesResponse response;
    auto* process = response.add_processes();
    process->set_pid(42);
    process->set_tag("job");
    process->set_cmd("sleep");
    process->add_args("9");
    co_return response;
  }
  Reply<hostagent::v1::KillProcessResponse> kill_process(
      Context&, const hostagent::v1::KillProcessRequest& request) {
    last_kill = request;
    if (request.pid() == 99) co_return base::fail(base::Code::kNotFound, "no process 99");
    co_return hostagent::v1::KillProcessResponse();
  }

  Reply<hostagent::v1::ListDirResponse> list_dir(Context&,
                                                 const hostagent::v1::ListDirRequest& request) {
    if (request.path() == "/none") co_return base::fail(base::Code::kNotFound, "no /none");
    hostagent::v1::ListDirResponse response;
    fill(*response.add_entries());
    co_return response;
  }
  Reply<hostagent::v1::MakeDirResponse> make_dir(Context&,
                                                 const hostagent::v1::MakeDirRequest& request) {
    if (request.path() == "/tmp") co_return base::fail(base::Code::kAlreadyExists, "/tmp exists");
    hostagent::v1::MakeDirResponse response;
    fill(*response.mutable_entry());
    co_return response;
  }
  Reply<hostagent::v1::RemovePathResponse> remove_path(
      Context&, const hostagent::v1::RemovePathRequest& request) {
    if (files.erase(request.path()) == 0) co_return base::fail(base::Code::kNotFound, "no file");
    co_return hostagent::v1::RemovePathResponse();
  }
  Reply<hostagent::v1::MovePathResponse> move_path(Context&,
                                                   const hostagent::v1::MovePathRequest& request) {
    auto file = files.extract(request.from());
    if (file.empty()) co_return base::fail(base::Code::kNotFound, "no file");
    files[request.to()] = std::move(file.mapped());
    hostagent::v1::MovePathResponse response;
    fill(*response.mutable_entry());
    co_return response;
  }
  Reply<hostagent::v1::ListPortsResponse> list_ports(Context&,
                                                     const hostagent::v1::ListPortsRequest&) {
    hostagent::v1::ListPortsResponse response;
    auto* port = response.add_ports();
    port->set_port(3000);
    port->add_addresses("127.0.0.1");
    port->set_reachable(true);
    co_return response;
  }
  static void fill(hostagent::v1::FileEntry& entry) {
    entry.set_name("a");
    entry.set_path("/tmp/a");
    entry.set_type("symlink");
    entry.set_size(5);
    entry.set_mode(0644);
    entry.set_symlink_target("b");
  }

  // Keeps small files, counts large ones.
  net::Task<base::Result<void>> put_file(net::Request& request, net::ResponseWriter& response) {
    constexpr std::size_t kKept = 1 << 20;
    std::string kept;
    std::uint64_t total = 0;
    std::vector<char> buffer(64 * 1024);
    while (true) {
      const auto n = co_await request.body().read(buffer);
      if (!n) {
        ++cut_uploads;
        co_return base::fail(n.error());
      }
      if (*n == 0) break;
      total += *n;
      if (kept.size() < kKept) kept.append(buffer.data(), *n);
    }
    files[query_parameter(request.query(), "path")] = std::move(kept);
    largest_upload = std::max(largest_upload, total);
    co_return co_await response.send(204, {}, "");
  }
  net::Task<base::Result<void>> get_file(net::Request& request, net::ResponseWriter& response) {
    const std::string path = query_parameter(request.query(), "path");
    if (path == "/half") {
      WRENN_CO_TRY(co_await response.start(200, {}));
      WRENN_CO_TRY(co_await response.write("half"));
      response.abort();
      co_return {};
    }
    const auto file = files.find(path);
    if (path == "/dir" || path == "/no-dir") {
      const base::Error error(base::Code::kInvalidArgument, base::concat(path, " is no file"));
      co_return co_await response.send(400, {}, connect::error_json(error));
    }
    if (file == files.end()) {
      const base::Error error(base::Code::kNotFound, base::concat("no file ", path));
      co_return co_await response.send(404, {}, connect::error_json(error));
    }
    co_return co_await response.send(200, {}, file->second);
  }

  std::map<std::string, hostagent::v1::SandboxInfo>& archives_;
  connect::Router router_;
};

}  // namespace wrenn::control
