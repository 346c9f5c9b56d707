// PortsService: the calls of ports.Ports (proto/ports.proto).
#pragma once

#include "connect/router.h"
#include "envd/ports/port_watch.h"
#include "proto/ports.pb.h"

namespace wrenn::envd {

class PortsService {
 public:
  explicit PortsService(PortWatch& watch) : watch_(watch) {}
  void add_to(connect::Router& router);

 private:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  Reply<ports::ListResponse> list(connect::CallContext& context, const ports::ListRequest& request);
  // A slow reader gets the newest list when it is ready for one, and not those between.
  Reply<void> watch(connect::CallContext& context, const ports::WatchRequest& request,
                    connect::StreamWriter<ports::WatchResponse>& out);

  PortWatch& watch_;
};

}  // namespace wrenn::envd
