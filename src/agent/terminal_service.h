// TerminalService: the RPC methods of proto/agent.proto for terminals, input, and commands that run
// already.
#pragma once

#include "agent/sandbox_manager.h"
#include "connect/router.h"
#include "proto/agent.pb.h"

namespace wrenn::agent {

// For one loop; the manager must outlive it. Each of its streams is a use of its sandbox, and none
// ends a command by ending.
class TerminalService {
 public:
  explicit TerminalService(SandboxManager& manager) : manager_(manager) {}
  void add_to(connect::Router& router);

 private:
  using Context = connect::CallContext;
  using InputReader = connect::StreamReader<hostagent::v1::SendInputRequest>;
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  Reply<void> attach(Context&, const hostagent::v1::PtyAttachRequest& request,
                     connect::StreamWriter<hostagent::v1::PtyAttachResponse>& out);
  Reply<hostagent::v1::SendInputResponse> type(Context&, InputReader& in);
  Reply<hostagent::v1::PtyResizeResponse> resize(Context&,
                                                 const hostagent::v1::PtyResizeRequest& request);
  Reply<hostagent::v1::PtyKillResponse> kill(Context&,
                                             const hostagent::v1::PtyKillRequest& request);

  Reply<void> connect(Context&, const hostagent::v1::ConnectProcessRequest& request,
                      connect::StreamWriter<hostagent::v1::ExecStreamResponse>& out);
  Reply<hostagent::v1::SendInputResponse> send_stdin(Context&, InputReader& in);
  Reply<hostagent::v1::CloseStdinResponse> close_stdin(
      Context&, const hostagent::v1::CloseStdinRequest& request);

  enum class InputKind { kPty, kStdin };
  Reply<hostagent::v1::SendInputResponse> send_input(InputReader& in, InputKind kind);

  SandboxManager& manager_;
};

}  // namespace wrenn::agent
