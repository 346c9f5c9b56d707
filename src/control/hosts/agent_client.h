// AgentClient: what the control plane asks of one host agent. For one loop; not thread-safe.
//
// Short calls, streams and whole files each have connections of their own, so that none waits for
// another. Errors are the agent's; kUnavailable when it does not answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "connect/client.h"
#include "net/endpoint.h"
#include "net/http_client.h"

namespace hostagent::v1 {
class CreateSandboxRequest;
class CreateSandboxResponse;
class CloseStdinRequest;
class ConnectProcessRequest;
class ExecStreamRequest;
class ExecStreamResponse;
class GetSandboxMetricsRequest;
class GetSandboxMetricsResponse;
class HibernateSandboxResponse;
class KillProcessRequest;
class ListDirRequest;
class ListDenialsResponse;
class ListDirResponse;
class ListPortsResponse;
class ListProcessesResponse;
class ListSandboxesResponse;
class MakeDirRequest;
class MakeDirResponse;
class MovePathRequest;
class MovePathResponse;
class PtyAttachRequest;
class PtyAttachResponse;
class PtyKillRequest;
class PtyResizeRequest;
class RemovePathRequest;
class SendInputRequest;
class SendInputResponse;
class StartBackgroundRequest;
class StartBackgroundResponse;
class DeleteTemplateRequest;
class ForkSandboxRequest;
class ForkSandboxResponse;
class ListTemplatesResponse;
class PauseSandboxRequest;
class PauseSandboxResponse;
class ResumeSandboxRequest;
class ResumeSandboxResponse;
class SetLifecycleRequest;
class SetNetworkPolicyRequest;
class SnapshotSandboxRequest;
class SnapshotSandboxResponse;
class WakeSandboxRequest;
class WakeSandboxResponse;
}  // namespace hostagent::v1

namespace wrenn::control {

namespace agent = ::hostagent::v1;
using ExecStream = connect::MessageStream<agent::ExecStreamResponse>;
using PtyStream = connect::MessageStream<agent::PtyAttachResponse>;
using InputStream = connect::ClientStream<agent::SendInputRequest, agent::SendInputResponse>;

struct FileTarget {
  std::string sandbox_id;
  std::string path;
  std::string user;  // Empty: the sandbox's default user.
};

class AgentClient {
 public:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  // `security`: none for a socket of this machine.
  explicit AgentClient(const net::Endpoint& endpoint,
                       const std::shared_ptr<const net::StreamSecurity>& security = nullptr);
  AgentClient(const AgentClient&) = delete;
  AgentClient& operator=(const AgentClient&) = delete;

  // Before its loop goes: ends the connections that nobody uses.
  void close_idle();
  std::string address() const { return calls_http_.endpoint().to_string(); }

  // The messages may be temporaries.
  Reply<agent::CreateSandboxResponse> create(const agent::CreateSandboxRequest& request);
  // A sandbox the agent does not know is no error.
  Reply<void> destroy(std::string sandbox_id);
  Reply<agent::PauseSandboxResponse> pause(const agent::PauseSandboxRequest& request,
                                           base::Duration limit);
  Reply<agent::ResumeSandboxResponse> resume(const agent::ResumeSandboxRequest& request,
                                             base::Duration limit);
  Reply<agent::HibernateSandboxResponse> hibernate(std::string sandbox_id, base::Duration limit);
  Reply<agent::WakeSandboxResponse> wake(const agent::WakeSandboxRequest& request,
                                         base::Duration limit);
  // One that is not there is no error.
  Reply<void> forget_archive(std::string sandbox_id, base::Duration limit);
  Reply<agent::ForkSandboxResponse> fork(const agent::ForkSandboxRequest& request);
  Reply<agent::SnapshotSandboxResponse> snapshot(const agent::SnapshotSandboxRequest& request);
  Reply<void> set_lifecycle(const agent::SetLifecycleRequest& request);
  Reply<void> set_network_policy(const agent::SetNetworkPolicyRequest& request);
  Reply<agent::ListDenialsResponse> list_denials(std::string sandbox_id);
  Reply<agent::ListTemplatesResponse> list_templates();
  // One that the agent does not know is no error.
  Reply<void> delete_template(std::string name);
  Reply<void> ping(const std::string& sandbox_id);
  Reply<agent::ListSandboxesResponse> list_sandboxes();
  Reply<agent::GetSandboxMetricsResponse> sandbox_metrics(
      const agent::GetSandboxMetricsRequest& request);

  // Destroying the stream early kills the command, unless it is detached. `limit` ends it whatever
  // the agent does; zero: none.
  Reply<ExecStream> exec(const agent::ExecStreamRequest& request, base::Duration limit);
  Reply<agent::StartBackgroundResponse> start_background(
      const agent::StartBackgroundRequest& request);
  Reply<agent::ListProcessesResponse> list_processes(const std::string& sandbox_id);
  Reply<void> kill_process(const agent::KillProcessRequest& request);

  // Destroying these streams leaves the command alone.
  Reply<ExecStream> connect_process(const agent::ConnectProcessRequest& request);
  Reply<PtyStream> pty_attach(const agent::PtyAttachRequest& request);
  // To one process at a time; as slow as that process reads.
  Reply<InputStream> pty_input();
  Reply<InputStream> stdin_input();
  Reply<void> close_stdin(const agent::CloseStdinRequest& request);
  Reply<void> pty_resize(const agent::PtyResizeRequest& request);
  Reply<void> pty_kill(const agent::PtyKillRequest& request);

  Reply<agent::ListDirResponse> list_dir(const agent::ListDirRequest& request);
  Reply<agent::MakeDirResponse> make_dir(const agent::MakeDirRequest& request);
  Reply<void> remove_path(const agent::RemovePathRequest& request);
  Reply<agent::MovePathResponse> move_path(const agent::MovePathRequest& request);

  Reply<agent::ListPortsResponse> list_ports(const std::string& sandbox_id);

  // The body of the response is the file.
  Reply<net::ClientResponse> read_file(FileTarget file);
  // `content` must outlive the call. When it fails with anything but kUnavailable, the upload is
  // cut and the file stays as it was.
  Reply<void> write_file(FileTarget file, net::ByteSource& content);

 private:
  net::HttpClient calls_http_;
  net::HttpClient streams_http_;
  net::HttpClient input_http_;
  net::HttpClient files_http_;
  connect::Client calls_;
  connect::Client streams_;
  connect::Client inputs_;
};

}  // namespace wrenn::control
