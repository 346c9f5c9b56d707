// Builder: takes builds from the database and does them, some at a time. Several control planes
// share the work; what one that dies was at is begun anew by another.
#pragma once

#include <string>

#include "control/builds/build_run.h"
#include "db/build_store.h"
#include "net/scope.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// For one loop.
class Builder {
 public:
  explicit Builder(Services& services) : services_(services) {}

  // Builds until it is stopped; what is under way then is given back.
  net::Task<void> run();

 private:
  // Each has a VM, and mostly waits for it.
  static constexpr int kAtOnce = 4;
  static constexpr std::int64_t kLeaseMs = 30'000;
  static constexpr int kRuns = 4;

  net::Task<base::Result<void>> start_waiting(net::TaskScope& scope);
  net::Task<void> build(db::Build build);
  // Until the build is not ours any more: writes its log, and how far it is.
  net::Task<void> keep(const db::Build& build, const db::BuildProgress& progress, BuildLog& log,
                       net::StopSource& stop);
  net::Task<db::BuildEnd> make(const db::Build& build, BuildLog& log, db::BuildProgress& progress);
  net::Task<void> end(const db::Build& build, const db::BuildEnd& end,
                      const db::BuildProgress& progress);

  Services& services_;
  int at_work_ = 0;
};

// Removes layers that nobody has used for a while, versions of templates that no tag points to any
// more, what builds were sent, and builds that are long over. What is in use is left: sandboxes
// have files of their own, and what a build uses was used just now.
net::Task<void> clear_builds(Services& services);

}  // namespace wrenn::control
