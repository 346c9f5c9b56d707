#include "db/host_capacity.h"

#include "base/strings.h"
#include "db/database.h"
#include "db/host_store.h"
#include "db/sandbox_store.h"

namespace wrenn::db {
namespace {

using base::Result;

std::int64_t missing_one(std::int64_t most, std::int64_t load, std::int64_t demand) {
  if (most == 0 || demand == 0) return 0;
  return std::max<std::int64_t>(0, load + demand - most);
}

bool is_on_host(SandboxState state) {
  return is_listed(state) && state != SandboxState::kHibernated;
}

bool runs(SandboxState state, std::string_view pause_mode) {
  switch (state) {
    case SandboxState::kPending:
    case SandboxState::kStarting:
    case SandboxState::kRunning:
    case SandboxState::kPausing:
    case SandboxState::kResuming:
      return true;
    // It is where it was: it runs there, unless it was paused.
    case SandboxState::kMissing:
      return pause_mode.empty();
    default:
      return false;
  }
}

// What its host keeps for one of that size, or for several of that size together.
Amounts load_in(SandboxState state, std::string_view pause_mode, const Amounts& size) {
  if (!is_on_host(state)) return {};
  return runs(state, pause_mode) ? size : Amounts{.disk_mb = size.disk_mb};
}

}  // namespace

Result<HostLoads> loads_of(Session& session, const std::vector<std::string>& hosts) {
  HostLoads loads;
  if (hosts.empty()) return loads;
  std::vector<Value> args;
  const std::string condition = is_one_of("host_id", hosts, args);
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(base::concat("SELECT host_id, status, pause_mode, SUM(vcpus), SUM(memory_mb), "
                                 "SUM(disk_mb) FROM sandboxes WHERE ",
                                 condition,
                                 " AND status IN ('pending', 'starting', 'running', 'pausing', "
                                 "'paused', 'resuming', 'hibernating', 'missing') "
                                 "GROUP BY host_id, status, pause_mode"),
                    args));
  for (const std::string& host_id : hosts) loads[host_id] = {};
  for (const Row& row : rows) {
    const auto state = state_from_name(row.text(1));
    if (!state) return base::fail(base::Code::kDataLoss, "a sandbox of unknown status");
    loads[row.text(0)] +=
        load_in(*state, row.text(2), {row.integer(3), row.integer(4), row.integer(5)});
  }
  return loads;
}

Amounts most_of(const HostCapacity& capacity, const Overcommit& overcommit) {
  const auto most = [](std::int64_t amount, std::int64_t times) {
    return amount <= 0 ? 0 : std::max<std::int64_t>(1, amount * times);
  };
  return {.vcpus = most(capacity.cpu_cores, overcommit.vcpus),
          .memory_mb = most(capacity.memory_mb, overcommit.memory),
          .disk_mb = most(capacity.disk_mb, overcommit.disk)};
}

Amounts missing(const Amounts& most, const Amounts& load, const Amounts& demand) {
  return {.vcpus = missing_one(most.vcpus, load.vcpus, demand.vcpus),
          .memory_mb = missing_one(most.memory_mb, load.memory_mb, demand.memory_mb),
          .disk_mb = missing_one(most.disk_mb, load.disk_mb, demand.disk_mb)};
}

Amounts size_of(const Sandbox& sandbox) {
  return {.vcpus = sandbox.vcpus, .memory_mb = sandbox.memory_mb, .disk_mb = sandbox.disk_mb};
}

Amounts load_of(const Sandbox& sandbox) {
  return load_in(sandbox.status, sandbox.pause_mode, size_of(sandbox));
}

Result<std::optional<std::string>> first_with_room(Session& session,
                                                   const std::vector<std::string>& hosts,
                                                   const Amounts& demand,
                                                   const Overcommit& overcommit, HostLoads& loads) {
  for (const std::string& host_id : hosts) {
    WRENN_TRY_ASSIGN(
        const auto rows,
        session.query(base::concat("SELECT ", kHostColumns,
                                   " FROM hosts WHERE id = $1 "
                                   "AND removed_at IS NULL AND draining_since IS NULL"),
                      {host_id}));
    if (rows.empty()) continue;
    WRENN_TRY_ASSIGN(const Host host, read_host(rows.front()));
    const Amounts most = most_of(host.capacity, overcommit);
    if (most == Amounts()) return host_id;
    WRENN_TRY_ASSIGN(const HostLoads found, loads_of(session, {host_id}));
    const Amounts load = found.at(host_id);
    loads[host_id] = load;
    if (missing(most, load, demand) == Amounts()) return host_id;
  }
  return std::nullopt;
}

}  // namespace wrenn::db
