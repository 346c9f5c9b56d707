// ManagerStats: what the SandboxManager counts. Written on its loop, read by any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

#include "agent/memory_budget.h"
#include "base/instruments.h"
#include "base/operation_stats.h"
#include "net/task.h"

namespace wrenn::agent {

// A pause counts whoever wanted it: a call, a time limit, or the host that is short of memory.
enum class HostOperation {
  kCreate,
  kPause,
  kResume,
  kHibernate,
  kWake,
  kFork,
  kSnapshot,
  kDestroy
};
inline constexpr std::array<std::string_view, 8> kHostOperationNames = {
    "create", "pause", "resume", "hibernate", "wake", "fork", "snapshot", "destroy"};

struct ManagerStats {
  std::array<base::OperationStats, kHostOperationNames.size()> operations;
  base::Counter vm_deaths;  // VMs that ended by themselves.

  // The same task, counted when it ends.
  template <class T>
  net::Task<base::Result<T>> measure(HostOperation operation, net::Task<base::Result<T>> task) {
    const auto began = base::steady_now();
    base::Result<T> done = co_await std::move(task);
    const auto result = done ? base::OperationResult::kOk : base::result_of(done.error());
    operations.at(static_cast<std::size_t>(operation)).record(result, base::steady_now() - began);
    co_return done;
  }
};

// How things are at one moment.
struct HostFigures {
  std::map<std::string_view, std::int64_t> sandboxes;  // By status, as in SandboxInfo.
  MemoryBudget memory;
  std::int64_t guest_links = 0;  // Guest agents that we hold a line to.
  std::int64_t guest_calls = 0;  // Calls and streams to them that are under way.
};

}  // namespace wrenn::agent
