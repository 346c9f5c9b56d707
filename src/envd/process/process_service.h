// ProcessService: the calls of process.Process (proto/process.proto).
#pragma once

#include "connect/router.h"
#include "envd/process/process_table.h"

namespace wrenn::envd {

class ProcessService {
 public:
  ProcessService(net::Loop& loop, const GuestSettings& settings, const GuestCgroups& cgroups,
                 ProcessLimits limits)
      : settings_(settings), table_(loop, cgroups, limits) {}

  void add_to(connect::Router& router);
  // Kills every command; to be called before destruction.
  net::Task<void> stop() { return table_.stop(); }
  ProcessTable& table() { return table_; }

 private:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  Reply<process::ListResponse> list(connect::CallContext& context, const process::ListRequest&);
  Reply<void> start(connect::CallContext& context, const process::StartRequest& request,
                    connect::StreamWriter<process::StartResponse>& out);
  Reply<void> connect(connect::CallContext& context, const process::ConnectRequest& request,
                      connect::StreamWriter<process::ConnectResponse>& out);
  Reply<process::UpdateResponse> update(connect::CallContext& context,
                                        const process::UpdateRequest& request);
  Reply<process::StreamInputResponse> stream_input(
      connect::CallContext& context, connect::StreamReader<process::StreamInputRequest>& in);
  Reply<process::SendInputResponse> send_input(connect::CallContext& context,
                                               const process::SendInputRequest& request);
  Reply<process::SendSignalResponse> send_signal(connect::CallContext& context,
                                                 const process::SendSignalRequest& request);
  Reply<process::CloseStdinResponse> close_stdin(connect::CallContext& context,
                                                 const process::CloseStdinRequest& request);

  const GuestSettings& settings_;
  ProcessTable table_;
};

}  // namespace wrenn::envd
