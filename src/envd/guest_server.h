// GuestServer: every route of the guest agent, behind the sandbox's token.
#pragma once

#include "connect/router.h"
#include "envd/files/compose_route.h"
#include "envd/files/files_route.h"
#include "envd/files/filesystem_service.h"
#include "envd/guest/heap_trimmer.h"
#include "envd/guest/metrics.h"
#include "envd/ports/ports_service.h"
#include "envd/process/process_service.h"
#include "envd/watch/watch_service.h"
#include "net/blocking.h"
#include "net/http_server.h"

namespace wrenn::envd {

// For one loop; not thread-safe.
class GuestServer final : public net::HttpHandler {
 public:
  GuestServer(net::Loop& loop, GuestCgroups cgroups, ProcessLimits limits);

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;
  // Kills every command and ends every watcher; to be called before destruction.
  net::Task<void> stop();
  ProcessTable& processes() { return processes_.table(); }
  const GuestCgroups& cgroups() const { return cgroups_; }
  // To be started once the agent's own port is known, and to be stopped before destruction.
  PortWatch& ports() { return ports_; }

  // The server that this handler serves; it must outlive every request.
  void serve_for(net::HttpServer& server) { server_ = &server; }

 private:
  using Reply = net::Task<base::Result<void>>;

  Reply serve(net::Request& request, net::ResponseWriter& response);
  bool is_allowed(const net::Request& request) const;
  Reply refuse(const net::Request& request, net::ResponseWriter& response);
  Reply route(net::Request& request, net::ResponseWriter& response);
  Reply init(net::Request& request, net::ResponseWriter& response);
  Reply list_env(net::ResponseWriter& response);
  Reply send_metrics(net::ResponseWriter& response);
  Reply prepare_snapshot(net::ResponseWriter& response);

  GuestSettings settings_;
  const GuestCgroups cgroups_;
  HeapTrimmer heap_;
  // One thread may be held up by a slow directory, or by a tree that takes its time.
  net::BlockingPool pool_{2};
  ProcessService processes_;
  FilesystemService filesystem_;
  WatchService watches_;
  FilesRoute files_;
  ComposeRoute compose_;
  PortWatch ports_;
  PortsService ports_service_;
  Metrics metrics_;
  net::HttpServer* server_ = nullptr;
  connect::Router router_;
};

}  // namespace wrenn::envd
