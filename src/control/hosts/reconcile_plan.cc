#include "control/hosts/reconcile_plan.h"

#include <map>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::Sandbox;
using db::SandboxState;
using hostagent::v1::SandboxInfo;

// How long a sandbox its host does not know stays "missing" before it counts as stopped.
constexpr std::int64_t kMissingMs = 60'000;
// The agent ends idle sandboxes by its own clock and a moment late.
constexpr std::int64_t kTimeoutSlackMs = 5'000;

enum class Presence { kAlive, kChanging, kRuin };

Presence presence_of(const SandboxInfo& info) {
  if (info.status().empty() || info.status() == "running") return Presence::kAlive;
  const bool is_ruin =
      info.status() == "stopped" || info.status() == "error" || info.status() == "crashed";
  return is_ruin ? Presence::kRuin : Presence::kChanging;
}

bool is_being_made(const Sandbox& row) {
  return row.status == SandboxState::kPending || row.status == SandboxState::kStarting;
}

db::SandboxChanges seen_on_host(const SandboxInfo& info) {
  db::SandboxChanges changes;
  changes.host_ip = info.host_ip();
  changes.error_message = "";
  if (info.metadata_size() > 0) {
    changes.metadata.emplace(info.metadata().begin(), info.metadata().end());
  }
  return changes;
}

std::optional<StateFix> fix_present(const Sandbox& row, const SandboxInfo& info) {
  if (is_being_made(row)) {
    // Whoever asked for it is gone with an earlier control plane; it was made all the same.
    return StateFix{row.id,
                    {SandboxState::kPending, SandboxState::kStarting},
                    SandboxState::kRunning,
                    seen_on_host(info)};
  }
  if (row.status == SandboxState::kMissing) {
    return StateFix{row.id, {SandboxState::kMissing}, SandboxState::kRunning, seen_on_host(info)};
  }
  return std::nullopt;
}

bool has_timed_out(const Sandbox& row, std::int64_t now_ms) {
  const std::int64_t last_use = row.last_active_at.value_or(row.created_at);
  return row.timeout_sec > 0 &&
         last_use + std::int64_t{row.timeout_sec} * 1000 <= now_ms + kTimeoutSlackMs;
}

std::optional<StateFix> fix_absent(const Sandbox& row, std::int64_t now_ms) {
  if (is_being_made(row)) {
    return StateFix{row.id,
                    {SandboxState::kPending, SandboxState::kStarting},
                    SandboxState::kError,
                    {.error_message = "the control plane was restarted while it was created"}};
  }
  if (row.status == SandboxState::kRunning && has_timed_out(row, now_ms)) {
    return StateFix{
        row.id,
        {SandboxState::kRunning},
        SandboxState::kStopped,
        {.error_message = concat("nobody used it for ", row.timeout_sec, " s, its timeout")}};
  }
  if (row.status == SandboxState::kRunning) {
    return StateFix{row.id,
                    {SandboxState::kRunning},
                    SandboxState::kMissing,
                    {.error_message = "its virtual machine ended: the host no longer has it"}};
  }
  if (row.status == SandboxState::kMissing && now_ms - row.updated_at > kMissingMs) {
    return StateFix{row.id, {SandboxState::kMissing}, SandboxState::kStopped, {}};
  }
  return std::nullopt;
}

bool was_used(const Sandbox& row, const SandboxInfo& info) {
  constexpr std::int64_t kResolutionMs = 1000;  // The agent tells whole seconds.
  return row.status == SandboxState::kRunning &&
         info.last_active_at_unix() * 1000 > row.last_active_at.value_or(0) + kResolutionMs;
}

}  // namespace

ReconcilePlan make_plan(const std::vector<Sandbox>& rows,
                        const hostagent::v1::ListSandboxesResponse& on_host,
                        const BusySandboxes& busy, std::int64_t now_ms) {
  ReconcilePlan plan;
  std::map<std::string_view, const SandboxInfo*> present;
  for (const auto& info : on_host.sandboxes()) {
    if (presence_of(info) == Presence::kRuin && !busy.contains(info.sandbox_id())) {
      plan.ruins.push_back(info.sandbox_id());
    } else {
      present.emplace(info.sandbox_id(), &info);
    }
  }
  for (const Sandbox& row : rows) {
    const auto found = present.find(row.id);
    const SandboxInfo* info = found == present.end() ? nullptr : found->second;
    if (info != nullptr) present.erase(found);
    if (busy.contains(row.id)) continue;
    if (info != nullptr && presence_of(*info) == Presence::kChanging) continue;
    auto fix = info != nullptr ? fix_present(row, *info) : fix_absent(row, now_ms);
    if (fix) plan.fixes.push_back(std::move(*fix));
    if (info != nullptr && was_used(row, *info)) plan.used.push_back(row.id);
  }
  for (const auto& [id, info] : present) {
    if (!busy.contains(id)) plan.unknown.emplace_back(id);
  }
  return plan;
}

}  // namespace wrenn::control
