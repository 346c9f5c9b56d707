// Exec: one foreground command. However its stream ends, the command has ended afterwards, unless
// it is detached, or the sandbox is paused or the agent ends: then it goes on.
#pragma once

#include "agent/guest_client.h"
#include "connect/router.h"
#include "proto/agent.pb.h"

namespace wrenn::agent {

class Exec {
 public:
  // `sandbox_end`: fires when the sandbox goes, and its commands with it.
  Exec(GuestClient& guest, net::StopToken sandbox_end,
       connect::StreamWriter<hostagent::v1::ExecStreamResponse>& out)
      : guest_(guest), sandbox_end_(sandbox_end), out_(out) {}

  // kDeadlineExceeded when the request's timeout (or the call's deadline) passed; the command was
  // killed then.
  net::Task<base::Result<void>> run(const hostagent::v1::ExecStreamRequest& request,
                                    const connect::CallContext& context);

 private:
  net::Task<base::Result<GuestClient::Events>> start(
      const hostagent::v1::ExecStreamRequest& request);
  net::Task<base::Result<void>> run_command(const hostagent::v1::ExecStreamRequest& request);
  net::Task<base::Result<void>> forward(const process::ProcessEvent& event);
  net::Task<base::Result<void>> kill();

  GuestClient& guest_;
  const net::StopToken sandbox_end_;
  connect::StreamWriter<hostagent::v1::ExecStreamResponse>& out_;
  std::uint32_t pid_ = 0;
  std::uint64_t offset_ = 0;  // How much it has written.
  bool has_ended_ = false;
};

}  // namespace wrenn::agent
