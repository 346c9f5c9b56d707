// POST /files/compose: one file out of several, which are removed.
#pragma once

#include "envd/actor.h"
#include "net/blocking.h"
#include "net/http_server.h"

namespace wrenn::envd {

class ComposeRoute {
 public:
  ComposeRoute(const GuestSettings& settings, net::BlockingPool& pool)
      : settings_(settings), pool_(pool) {}

  // {"source_paths":[...],"destination":"...","username":"..."}. The destination appears as a whole
  // or not at all, and the sources go only then; one that is the destination itself stays. 404 for
  // a missing source, 400 for one that is no file, 507 for a full disk.
  net::Task<base::Result<void>> post(net::Request& request, net::ResponseWriter& response);

 private:
  net::Task<base::Result<std::string>> compose(net::Request& request);

  const GuestSettings& settings_;
  net::BlockingPool& pool_;
};

}  // namespace wrenn::envd
