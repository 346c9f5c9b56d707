#include "control/hosts/reconcile_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
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

enum class Presence { kAlive, kPaused, kChanging, kRuin };

Presence presence_of(const SandboxInfo& info) {
  if (info.status().empty() || info.status() == "running") return Presence::kAlive;
  if (info.status() == "paused") return Presence::kPaused;
  const bool is_ruin =
      info.status() == "stopped" || info.status() == "error" || info.status() == "crashed";
  return is_ruin ? Presence::kRuin : Presence::kChanging;
}

bool is_being_made(const Sandbox& row) {
  return row.status == SandboxState::kPending || row.status == SandboxState::kStarting;
}

StateFix change(const Sandbox& row, SandboxState to, db::SandboxChanges changes) {
  return {row.id, {row.status}, to, std::move(changes)};
}

// Whoever asked for it is gone with an earlier control plane; it was done all the same.
void fix_alive(const Sandbox& row, const SandboxInfo& info, std::vector<StateFix>& fixes) {
  if (row.status == SandboxState::kHibernating) {
    fixes.push_back(
        change(row, SandboxState::kPaused, {.pause_mode = "memory"}));  // Onwards in a moment.
    return;
  }
  if (row.status == SandboxState::kPaused || row.status == SandboxState::kHibernated) {
    // There is no straight way from there to running.
    fixes.push_back(change(row, SandboxState::kResuming, {}));
    fixes.push_back(
        {row.id, {SandboxState::kResuming}, SandboxState::kRunning, seen_on_host(info)});
    return;
  }
  const bool is_due = is_being_made(row) || row.status == SandboxState::kMissing ||
                      row.status == SandboxState::kResuming || row.status == SandboxState::kPausing;
  if (is_due) fixes.push_back(change(row, SandboxState::kRunning, seen_on_host(info)));
}

// Its host paused it, by itself or for somebody whose answer was lost.
void fix_paused(const Sandbox& row, const SandboxInfo& info, std::vector<StateFix>& fixes) {
  const bool is_hibernated = row.status == SandboxState::kHibernated;
  if (!is_being_made(row) && !is_hibernated && !db::may_change(row.status, SandboxState::kPaused))
    return;
  db::SandboxChanges changes = seen_on_host(info);
  changes.error_message = pause_explanation(info.reason(), info.lifecycle().timeout_sec());
  changes.pause_mode = info.pause_mode();
  changes.pause_reason = info.reason();
  if (is_hibernated) {
    // Half of a wake whose end nobody heard.
    fixes.push_back(change(row, SandboxState::kResuming, {}));
    fixes.push_back({row.id, {SandboxState::kResuming}, SandboxState::kPaused, std::move(changes)});
    return;
  }
  if (!is_being_made(row)) {
    fixes.push_back(change(row, SandboxState::kPaused, std::move(changes)));
    return;
  }
  fixes.push_back(change(row, SandboxState::kRunning, seen_on_host(info)));
  fixes.push_back({row.id, {SandboxState::kRunning}, SandboxState::kPaused, std::move(changes)});
}

// What its lifecycle kills it for, if anything; empty otherwise.
std::string reason_to_end(const Sandbox& row, std::int64_t now_ms) {
  if (row.on_timeout != "kill") return {};
  const std::int64_t last_use = row.last_active_at.value_or(row.created_at);
  const std::int64_t timeout_ms = std::int64_t{row.timeout_sec} * 1000;
  if (row.timeout_sec > 0 && last_use + timeout_ms <= now_ms + kTimeoutSlackMs) {
    return concat("nobody used it for ", row.timeout_sec, " s, its timeout");
  }
  if (row.end_at > 0 && row.end_at <= now_ms + kTimeoutSlackMs) {
    return "its maximum lifetime was over";
  }
  return {};
}

// It was to be woken of its archive, which is still there.
bool is_being_fetched(const Sandbox& row) {
  return row.status == SandboxState::kResuming && row.archive == db::Archive::kCurrent;
}

// Its host has it, unless it does not say so.
bool was_there(const Sandbox& row) {
  return row.status == SandboxState::kRunning || row.status == SandboxState::kPausing ||
         row.status == SandboxState::kPaused || row.status == SandboxState::kResuming;
}

std::optional<StateFix> fix_absent(const Sandbox& row, std::int64_t now_ms,
                                   std::int64_t heard_since_ms) {
  if (is_being_made(row)) {
    return change(row, SandboxState::kError,
                  {.error_message = "the control plane was restarted while it was created"});
  }
  if (row.status == SandboxState::kMissing) {
    // One that was paused is kept: whatever hides it may be mended, and it is only data.
    const std::int64_t missed_since = std::max(row.updated_at, heard_since_ms);
    if (now_ms - missed_since <= kMissingMs || !row.pause_mode.empty()) return std::nullopt;
    return change(row, SandboxState::kStopped, {});
  }
  // Its host had it until it was whole in storage, and has nothing of one that was not woken.
  if (row.status == SandboxState::kHibernating || is_being_fetched(row)) {
    return change(row, SandboxState::kHibernated, {.host_ip = ""});
  }
  if (!was_there(row)) return std::nullopt;
  if (std::string reason = reason_to_end(row, now_ms);
      row.status == SandboxState::kRunning && !reason.empty()) {
    return change(row, SandboxState::kStopped, {.error_message = std::move(reason)});
  }
  return change(row, SandboxState::kMissing, {.error_message = "its host no longer has it"});
}

bool was_used(const Sandbox& row, const SandboxInfo& info) {
  constexpr std::int64_t kResolutionMs = 1000;  // The agent tells whole seconds.
  return row.status == SandboxState::kRunning &&
         info.last_active_at_unix() * 1000 > row.last_active_at.value_or(0) + kResolutionMs;
}

}  // namespace

ReconcilePlan make_plan(const std::vector<Sandbox>& rows,
                        const hostagent::v1::ListSandboxesResponse& on_host,
                        const BusySandboxes& busy, std::int64_t now_ms, std::int64_t heard_since_ms,
                        std::string_view holder) {
  ReconcilePlan plan;
  std::set<std::string_view> held;
  for (const Sandbox& row : rows) {
    if (row.is_held_by_another(holder, now_ms)) held.insert(row.id);
  }
  std::map<std::string_view, const SandboxInfo*> present;
  for (const auto& info : on_host.sandboxes()) {
    const bool is_left_alone = busy.contains(info.sandbox_id()) || held.contains(info.sandbox_id());
    if (presence_of(info) == Presence::kRuin && !is_left_alone) {
      plan.ruins.push_back(info.sandbox_id());
    } else {
      present.emplace(info.sandbox_id(), &info);
    }
  }
  for (const Sandbox& row : rows) {
    const auto found = present.find(row.id);
    const SandboxInfo* info = found == present.end() ? nullptr : found->second;
    if (info != nullptr) present.erase(found);
    if (busy.contains(row.id) || held.contains(row.id)) continue;
    if (info != nullptr && presence_of(*info) == Presence::kChanging) continue;
    if (info == nullptr) {
      if (auto fix = fix_absent(row, now_ms, heard_since_ms)) plan.fixes.push_back(std::move(*fix));
    } else if (presence_of(*info) == Presence::kPaused) {
      fix_paused(row, *info, plan.fixes);
    } else {
      fix_alive(row, *info, plan.fixes);
    }
    if (info != nullptr && was_used(row, *info)) plan.used.push_back(row.id);
  }
  for (const auto& [id, info] : present) {
    if (!busy.contains(id)) plan.unknown.emplace_back(id);
  }
  return plan;
}

ReconcilePlan plan_for_silence(const std::vector<Sandbox>& rows, const BusySandboxes& busy,
                               std::int64_t now_ms, std::string_view holder) {
  ReconcilePlan plan;
  for (const Sandbox& row : rows) {
    if (is_being_fetched(row)) {
      // Another host can do it. Whoever is still trying says so in the end.
      if (!busy.contains(row.id) && !row.is_held_by_another(holder, now_ms)) {
        plan.fixes.push_back(change(row, SandboxState::kHibernated, {.host_ip = ""}));
      }
      continue;
    }
    if (!was_there(row)) continue;
    plan.fixes.push_back(change(row, SandboxState::kMissing,
                                {.error_message = "its host does not answer; it comes back as it "
                                                  "was when the host does"}));
  }
  return plan;
}

}  // namespace wrenn::control
