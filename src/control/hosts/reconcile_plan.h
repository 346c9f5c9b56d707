// What to do when the database and a host do not agree on its sandboxes. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/services.h"
#include "db/sandbox_store.h"

namespace hostagent::v1 {
class ListSandboxesResponse;
class SandboxInfo;
}  // namespace hostagent::v1

namespace wrenn::control {

struct StateFix {
  std::string id;
  std::vector<db::SandboxState> from;
  db::SandboxState to = db::SandboxState::kRunning;
  db::SandboxChanges changes;
};

struct ReconcilePlan {
  std::vector<StateFix> fixes;
  std::vector<std::string> used;  // Running, and somebody used them since the database last knew.
  // On the host but not among the rows. Newer than the rows perhaps: look again before destroying.
  std::vector<std::string> unknown;
  // On the host, but only as a ruin.
  std::vector<std::string> ruins;
};

// `rows` must have been read before the host was asked: a sandbox that is in them as running was on
// the host at that time, so that its absence means it is gone. Sandboxes that a request is busy
// with are left alone. `heard_since_ms`: since when the host has answered without a break; what it
// does not know is given up a minute after that at the earliest. `holder`: of this control plane;
// what another one holds is left to that.
ReconcilePlan make_plan(const std::vector<db::Sandbox>& rows,
                        const hostagent::v1::ListSandboxesResponse& on_host,
                        const BusySandboxes& busy, std::int64_t now_ms,
                        std::int64_t heard_since_ms = 0, std::string_view holder = {});
// What becomes of the sandboxes of a host that is silent.
ReconcilePlan plan_for_silence(const std::vector<db::Sandbox>& rows, const BusySandboxes& busy,
                               std::int64_t now_ms = 0, std::string_view holder = {});

}  // namespace wrenn::control
