// AgentService: the RPC methods of proto/agent.proto.
#pragma once

#include "agent/sandbox_manager.h"
#include "connect/router.h"
#include "proto/agent.pb.h"

namespace wrenn::agent {

namespace pb = hostagent::v1;

// For one loop; the manager must outlive it.
class AgentService {
 public:
  explicit AgentService(SandboxManager& manager) : manager_(manager) {}
  void add_to(connect::Router& router);

 private:
  using Context = connect::CallContext;
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  Reply<pb::CreateSandboxResponse> create(Context&, const pb::CreateSandboxRequest& request);
  Reply<pb::DestroySandboxResponse> destroy(Context&, const pb::DestroySandboxRequest& request);
  Reply<pb::PauseSandboxResponse> pause(Context&, const pb::PauseSandboxRequest& request);
  Reply<pb::ResumeSandboxResponse> resume(Context&, const pb::ResumeSandboxRequest& request);
  Reply<pb::HibernateSandboxResponse> hibernate(Context&,
                                                const pb::HibernateSandboxRequest& request);
  Reply<pb::WakeSandboxResponse> wake(Context&, const pb::WakeSandboxRequest& request);
  Reply<pb::ForgetArchiveResponse> forget_archive(Context&,
                                                  const pb::ForgetArchiveRequest& request);
  Reply<pb::ForkSandboxResponse> fork(Context&, const pb::ForkSandboxRequest& request);
  Reply<pb::SnapshotSandboxResponse> snapshot(Context&, const pb::SnapshotSandboxRequest& request);
  Reply<pb::SetLifecycleResponse> set_lifecycle(Context&, const pb::SetLifecycleRequest& request);
  Reply<pb::SetNetworkPolicyResponse> set_network(Context&,
                                                  const pb::SetNetworkPolicyRequest& request);
  Reply<pb::ListDenialsResponse> list_denials(Context&, const pb::ListDenialsRequest& request);
  Reply<pb::ListTemplatesResponse> list_templates(Context&, const pb::ListTemplatesRequest&);
  Reply<pb::DeleteTemplateResponse> delete_template(Context&,
                                                    const pb::DeleteTemplateRequest& request);
  Reply<pb::PingSandboxResponse> ping(Context&, const pb::PingSandboxRequest& request);
  Reply<pb::GetSandboxMetricsResponse> metrics(Context&,
                                               const pb::GetSandboxMetricsRequest& request);
  Reply<pb::ListSandboxesResponse> list(Context&, const pb::ListSandboxesRequest& request);
  Reply<void> exec(Context&, const pb::ExecStreamRequest& request,
                   connect::StreamWriter<pb::ExecStreamResponse>& out);
  Reply<pb::StartBackgroundResponse> start_background(Context&,
                                                      const pb::StartBackgroundRequest& request);
  Reply<pb::ListProcessesResponse> list_processes(Context&,
                                                  const pb::ListProcessesRequest& request);
  Reply<pb::KillProcessResponse> kill_process(Context&, const pb::KillProcessRequest& request);
  Reply<pb::ListDirResponse> list_dir(Context&, const pb::ListDirRequest& request);
  Reply<pb::MakeDirResponse> make_dir(Context&, const pb::MakeDirRequest& request);
  Reply<pb::RemovePathResponse> remove_path(Context&, const pb::RemovePathRequest& request);
  Reply<pb::MovePathResponse> move_path(Context&, const pb::MovePathRequest& request);
  Reply<pb::ListPortsResponse> list_ports(Context&, const pb::ListPortsRequest& request);

  SandboxManager& manager_;
};

}  // namespace wrenn::agent
