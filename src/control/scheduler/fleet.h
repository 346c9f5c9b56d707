// Fleet: what this control plane knows of its hosts, so that a create need not ask the database
// about all of them. The hosts are read again when that is a second ago; what they have to keep is
// what their reconcilers read anyway, and what placing found out. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/time.h"
#include "control/scheduler/scheduler.h"
#include "db/host_capacity.h"
#include "db/host_store.h"
#include "db/sandbox_store.h"

namespace wrenn::control {

class Fleet {
 public:
  explicit Fleet(const db::Overcommit& overcommit = {},
                 base::Duration max_age = std::chrono::seconds(1));

  const db::Overcommit& overcommit() const { return overcommit_; }
  // Whether the caller is to read the hosts now, and to bring them; for others they are good enough
  // meanwhile.
  bool begin_refresh();
  void set_hosts(const std::vector<db::Host>& hosts, std::int64_t now_ms);
  // A host has changed: they are to be read before anything else is placed.
  void expire();
  // All of a host's sandboxes, as db::SandboxStore::list_by_host() has them.
  void note_sandboxes(const std::string& host_id, const std::vector<db::Sandbox>& sandboxes);
  // What came of an attempt to place that.
  void note_placement(const Demand& demand, const db::Placement& placement);

  // As Scheduler's. The best host counts as having it until note_placement() says what it has, so
  // that many who choose at once do not all choose the same.
  Candidates choose(const Demand& demand);
  base::Error explain(const Demand& demand) const;
  std::vector<std::string> all() const;

 private:
  const db::Overcommit overcommit_;
  const base::Duration max_age_;
  mutable std::mutex mutex_;  // Of what follows.
  Scheduler scheduler_;
  base::SteadyTime read_at_{};
  bool is_known_ = false;
};

}  // namespace wrenn::control
