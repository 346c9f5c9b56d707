// Services: what the handlers of the API and the background jobs work with. main() and tests wire
// it; everything here outlives every request.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/id.h"
#include "base/strings.h"
#include "control/open_sockets.h"
#include "db/api_key_store.h"
#include "db/host_store.h"
#include "db/sandbox_store.h"
#include "net/blocking.h"

namespace wrenn::control {

class AgentClient;

// The host that the control plane shares its machine with.
inline std::string local_host_id() {
  return base::concat(base::kHostPrefix, base::Uuid().to_base36());
}

// The sandboxes that a request is creating or destroying right now: the reconciler leaves them to
// it. For the API's loop.
class BusySandboxes {
 public:
  class Mark {
   public:
    Mark(BusySandboxes& busy, std::string id) : busy_(&busy), id_(std::move(id)) {
      busy_->ids_.insert(id_);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark() { busy_->ids_.extract(id_); }

   private:
    BusySandboxes* busy_;
    std::string id_;
  };
  bool contains(std::string_view id) const { return ids_.contains(id); }

 private:
  std::multiset<std::string, std::less<>> ids_;
};

struct Services {
  // The database, from the pool only.
  db::ApiKeyStore& keys;
  db::SandboxStore& sandboxes;
  db::HostStore& hosts;
  net::BlockingPool& database_pool;

  AgentClient& agent;
  BusySandboxes& busy;
  OpenSockets& open_sockets;
};

}  // namespace wrenn::control
