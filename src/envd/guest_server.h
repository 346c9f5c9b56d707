// GuestServer: every route of the guest agent, behind the sandbox's token.
#pragma once

#include "connect/router.h"
#include "envd/files_route.h"
#include "envd/filesystem_service.h"
#include "envd/heap_trimmer.h"
#include "envd/ports_service.h"
#include "envd/process_service.h"
#include "net/blocking.h"

namespace wrenn::envd {

// For one loop; not thread-safe.
class GuestServer final : public net::HttpHandler {
 public:
  explicit GuestServer(net::Loop& loop);

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;
  // Kills every command; to be called before destruction.
  net::Task<void> stop() { return processes_.stop(); }
  const ProcessTable& processes() const { return processes_.table(); }
  // To be started once the agent's own port is known, and to be stopped before destruction.
  PortWatch& ports() { return ports_; }

 private:
  bool is_allowed(const net::Request& request) const;
  net::Task<base::Result<void>> refuse(const net::Request& request, net::ResponseWriter& response);
  net::Task<base::Result<void>> init(net::Request& request, net::ResponseWriter& response);
  net::Task<base::Result<void>> list_env(net::ResponseWriter& response);

  GuestSettings settings_;
  HeapTrimmer heap_;
  net::BlockingPool pool_{1};
  ProcessService processes_;
  FilesystemService filesystem_;
  FilesRoute files_;
  PortWatch ports_;
  PortsService ports_service_;
  connect::Router router_;
};

}  // namespace wrenn::envd
