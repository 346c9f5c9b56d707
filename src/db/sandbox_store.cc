#include "db/sandbox_store.h"

#include <algorithm>
#include <iterator>

#include "base/strings.h"
#include "db/quota_store.h"
#include "db/sandbox_row.h"
#include "db/usage_store.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::int64_t kTouchEveryMs = 1000;

Result<void> check_transition(const std::vector<SandboxState>& from, SandboxState to) {
  if (from.empty()) return base::fail(Code::kInvalidArgument, "no state to change from");
  for (const auto state : from) {
    if (!may_change(state, to)) {
      return base::fail(Code::kInvalidArgument, concat("a sandbox cannot go from ",
                                                       state_name(state), " to ", state_name(to)));
    }
  }
  return {};
}

// What a listing is restricted to, as SQL, with the arguments that belong to it.
std::string conditions_of(const SandboxQuery& query, std::vector<Value>& args) {
  const auto next = [&args](Value value) {
    args.push_back(std::move(value));
    return concat("$", args.size());
  };
  std::string sql;
  if (query.states.empty()) sql += " AND status NOT IN ('stopped', 'error')";
  for (std::size_t i = 0; i < query.states.size(); ++i) {
    sql +=
        concat(i == 0 ? " AND status IN (" : ", ", next(std::string(state_name(query.states[i]))));
  }
  if (!query.states.empty()) sql += ")";
  if (query.template_name) sql += concat(" AND template = ", next(*query.template_name));
  if (query.parent) {
    // The second for the sake of the index, which has forks alone.
    sql += concat(" AND source_sandbox_id = ", next(*query.parent), " AND source_sandbox_id <> ''");
  }
  if (query.host_id) sql += concat(" AND host_id = ", next(*query.host_id));
  for (const auto& [name, value] : query.labels) {
    sql += concat(" AND id IN (SELECT sandbox_id FROM sandbox_labels WHERE name = ", next(name),
                  " AND value = ", next(value), ")");
  }
  if (query.before_created_at) {
    const std::string at = next(*query.before_created_at);
    sql += concat(" AND (created_at < ", at, " OR (created_at = ", at, " AND id < ",
                  next(query.before_id), "))");
  }
  return sql;
}

QuotaUse demand_of(const std::vector<Sandbox>& sandboxes) {
  QuotaUse demand{.sandboxes = static_cast<std::int64_t>(sandboxes.size())};
  demand.creates = demand.sandboxes;
  for (const Sandbox& sandbox : sandboxes) {
    demand.vcpus += sandbox.vcpus;
    demand.memory_mb += sandbox.memory_mb;
    demand.disk_mb += sandbox.disk_mb;
  }
  return demand;
}

struct Change {
  std::string_view id;
  SandboxState from;  // Of a resume.
  SandboxState to;
  std::int64_t now;
  const std::vector<std::string>* hosts;  // That it may be resumed on; none: it needs no place.
  TransactionKind kind;
};

// That a new one was wanted is on the disk; whether it runs, its host is asked after a power loss.
TransactionKind kind_of(const std::vector<SandboxState>& from, SandboxState to) {
  const bool is_new = std::ranges::all_of(from, [](SandboxState state) {
    return state == SandboxState::kPending || state == SandboxState::kStarting;
  });
  return is_new && to == SandboxState::kRunning ? TransactionKind::kUnsynced
                                                : TransactionKind::kImmediate;
}

// Where it finds room. One that rests takes up none of what its team may have running, and of its
// host's only the disk, until it is resumed.
Result<Placement> place_resume(Session& session, const Change& change,
                               const Overcommit& overcommit) {
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query("SELECT team_id, vcpus, memory_mb, disk_mb FROM sandboxes "
                                 "WHERE id = $1 AND status = $2",
                                 {std::string(change.id), std::string(state_name(change.from))}));
  if (rows.empty()) return Placement{.outcome = Placing::kNotWanted};
  const Row& row = rows.front();
  Amounts demand{.vcpus = row.integer(1), .memory_mb = row.integer(2), .disk_mb = row.integer(3)};
  if (change.from == SandboxState::kPaused) demand.disk_mb = 0;
  WRENN_TRY(check_quota(session, row.text(0),
                        {.vcpus = demand.vcpus, .memory_mb = demand.memory_mb}, change.now));
  Placement placement;
  WRENN_TRY_ASSIGN(auto host,
                   first_with_room(session, *change.hosts, demand, overcommit, placement.loads));
  if (!host) return placement;
  placement.outcome = Placing::kDone;
  placement.host_id = std::move(*host);
  return placement;
}

// The change of state, and with it what is used and all that does not outlive a sandbox: all or
// nothing. `args` gets the host.
Result<Placement> change_all(Session& session, const Change& change, std::string_view update,
                             std::vector<Value>& args, Value& host, const Overcommit& overcommit) {
  Placement placement{.outcome = Placing::kDone};
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session, change.kind));
  if (change.hosts != nullptr) {
    WRENN_TRY_ASSIGN(placement, place_resume(session, change, overcommit));
    if (placement.outcome != Placing::kDone) return placement;
    host = placement.host_id;
  }
  WRENN_TRY_ASSIGN(const std::int64_t changed, session.execute(update, args));
  if (changed != 1) return Placement{.outcome = Placing::kNotWanted};
  WRENN_TRY(follow_usage(session, change.id, change.to, change.now));
  if (!is_listed(change.to)) {
    WRENN_TRY(session.execute("DELETE FROM public_ports WHERE sandbox_id = $1",
                              {std::string(change.id)}));
  }
  WRENN_TRY(transaction.commit());
  return placement;
}

Result<std::vector<Sandbox>> insert_rows(Session& session, const std::vector<Sandbox>& sandboxes,
                                         const std::string& holder, std::int64_t now) {
  std::vector<Sandbox> inserted;
  for (const Sandbox& sandbox : sandboxes) {
    WRENN_TRY_ASSIGN(Sandbox row,
                     insert_row(session, sandbox, hold_in(sandbox.status, holder, now), now));
    WRENN_TRY(insert_labels(session, sandbox.id, sandbox.labels));
    inserted.push_back(std::move(row));
  }
  return inserted;
}

}  // namespace

Result<Sandbox> SandboxStore::insert(Sandbox sandbox) {
  WRENN_TRY_ASSIGN(auto inserted, insert_all({std::move(sandbox)}));
  return std::move(inserted.front());
}

Result<std::vector<Sandbox>> SandboxStore::insert_all(const std::vector<Sandbox>& sandboxes) {
  const std::int64_t now = clock_();
  Session session = database_.write();
  // Transactions take turns: of several who ask for the last place, one gets it.
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY(check_quota(session, sandboxes.front().team_id, demand_of(sandboxes), now));
  WRENN_TRY_ASSIGN(auto inserted, insert_rows(session, sandboxes, holder_, now));
  WRENN_TRY(transaction.commit());
  return inserted;
}

Result<Placement> SandboxStore::insert_on(std::vector<Sandbox> sandboxes,
                                          const std::vector<std::string>& hosts) {
  const std::int64_t now = clock_();
  Amounts demand;
  for (const Sandbox& sandbox : sandboxes) demand += size_of(sandbox);
  Placement placement;
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY(check_quota(session, sandboxes.front().team_id, demand_of(sandboxes), now));
  WRENN_TRY_ASSIGN(auto host,
                   first_with_room(session, hosts, demand, overcommit_, placement.loads));
  if (!host) return placement;
  for (Sandbox& sandbox : sandboxes) sandbox.host_id = *host;
  WRENN_TRY_ASSIGN(placement.inserted, insert_rows(session, sandboxes, holder_, now));
  WRENN_TRY(transaction.commit());
  placement.outcome = Placing::kDone;
  placement.host_id = std::move(*host);
  return placement;
}

Result<Sandbox> SandboxStore::get(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(concat("SELECT ", kColumns,
                                                 " FROM sandboxes WHERE id = $1 AND team_id = $2"),
                                          {std::string(id), std::string(team_id)}));
  return read_one(rows);
}

Result<Sandbox> SandboxStore::get_any_team(std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(concat("SELECT ", kColumns,
                                                                  " FROM sandboxes WHERE id = $1"),
                                                           {std::string(id)}));
  return read_one(rows);
}

Result<std::vector<Sandbox>> SandboxStore::list(std::string_view team_id,
                                                const SandboxQuery& query) {
  return list_where("team_id = $2", {std::string(team_id)}, query);
}

Result<std::vector<Sandbox>> SandboxStore::list_any_team(const SandboxQuery& query) {
  return list_where("1 = 1", {}, query);
}

Result<std::vector<Sandbox>> SandboxStore::list_where(std::string_view condition,
                                                      std::vector<Value> more,
                                                      const SandboxQuery& query) {
  std::vector<Value> args = {std::int64_t{std::clamp(query.limit, 1, kMaxSandboxPage)}};
  std::ranges::move(more, std::back_inserter(args));
  const std::string conditions = conditions_of(query, args);
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns, " FROM sandboxes WHERE ", condition,
                                    conditions, " ORDER BY created_at DESC, id DESC LIMIT $1"),
                             args));
  return read_all(rows);
}

Result<std::vector<Sandbox>> SandboxStore::changed_after(const std::vector<std::string>& teams,
                                                         const ChangeCursor& after, int limit) {
  if (teams.empty()) return std::vector<Sandbox>();
  std::vector<Value> args = {after.at, after.id, std::int64_t{limit}};
  const std::string condition = is_one_of("team_id", teams, args);
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns, " FROM sandboxes WHERE ", condition,
                                    " AND updated_at >= $1 AND (updated_at > $1 OR id > $2) "
                                    "ORDER BY updated_at, id LIMIT $3"),
                             args));
  return read_all(rows);
}

Result<std::vector<Sandbox>> SandboxStore::list_by_host(std::string_view host_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(concat("SELECT ", kColumns,
                                                 " FROM sandboxes WHERE host_id = $1 "
                                                 "AND status NOT IN ('stopped', 'error') "
                                                 "ORDER BY created_at, id"),
                                          {std::string(host_id)}));
  return read_all(rows);
}

Result<bool> SandboxStore::transition(std::string_view id, const std::vector<SandboxState>& from,
                                      SandboxState to, const SandboxChanges& changes) {
  WRENN_TRY_ASSIGN(const Placement changed, change(id, from, to, changes, nullptr));
  return changed.outcome == Placing::kDone;
}

Result<Placement> SandboxStore::begin_resume(std::string_view id, SandboxState from,
                                             const std::vector<std::string>& hosts) {
  return change(id, {from}, SandboxState::kResuming, {}, &hosts);
}

Result<Placement> SandboxStore::change(std::string_view id, const std::vector<SandboxState>& from,
                                       SandboxState to, const SandboxChanges& changes,
                                       const std::vector<std::string>* hosts) {
  WRENN_TRY(check_transition(from, to));
  std::optional<std::string> metadata;
  if (changes.metadata) {
    WRENN_TRY_ASSIGN(metadata, texts_to_json(*changes.metadata));
  }
  constexpr std::size_t kHostArgument = 3;  // Counted from 0.
  const std::int64_t now = clock_();
  const Hold hold = hold_in(to, holder_, now);
  const bool runs = to == SandboxState::kRunning;
  const bool pauses = to == SandboxState::kPaused;
  const bool ends = to == SandboxState::kStopped || to == SandboxState::kError;
  std::vector<Value> args = {std::string(id),
                             std::string(state_name(to)),
                             now,
                             nullable(changes.host_id),
                             nullable(changes.host_ip),
                             nullable(changes.error_message),
                             nullable(metadata),
                             runs ? Value(now) : Value(),
                             ends ? Value(now) : Value(),
                             pauses ? changes.pause_mode.value_or("") : "",
                             pauses ? changes.pause_reason.value_or("") : "",
                             pauses ? Value(now) : Value(),
                             nullable(changes.archive_bytes),
                             nullable(changes.pause_mode),
                             nullable(changes.pause_reason),
                             hold.holder,
                             hold.until};
  std::string sql =
      "UPDATE sandboxes SET status = $2, updated_at = $3, host_id = COALESCE($4, host_id), "
      "host_ip = COALESCE($5, host_ip), error_message = COALESCE($6, error_message), "
      "metadata = COALESCE($7, metadata), started_at = COALESCE(started_at, $8), "
      "last_active_at = COALESCE($8, last_active_at), stopped_at = COALESCE(stopped_at, $9), "
      "pause_mode = CASE WHEN $2 IN ('missing', 'hibernating') THEN pause_mode "
      "WHEN $2 = 'hibernated' THEN COALESCE($14, pause_mode) ELSE $10 END, "
      "pause_reason = CASE WHEN $2 IN ('missing', 'hibernating') THEN pause_reason "
      "WHEN $2 = 'hibernated' THEN COALESCE($15, pause_reason) ELSE $11 END, "
      "paused_at = CASE WHEN $2 IN ('missing', 'hibernating') THEN paused_at "
      "WHEN $2 = 'hibernated' THEN COALESCE(paused_at, $3) ELSE $12 END, "
      "archive = CASE WHEN $2 = 'hibernated' THEN 'current' "
      "WHEN $2 IN ('running', 'paused', 'stopped', 'error') AND archive = 'current' THEN 'stale' "
      "WHEN $2 <> 'missing' AND status = 'hibernating' THEN 'stale' "
      "ELSE archive END, "
      "archive_bytes = COALESCE($13, archive_bytes), holder = $16, held_until = $17 "
      "WHERE id = $1 AND status IN (";
  for (std::size_t i = 0; i < from.size(); ++i) {
    args.emplace_back(std::string(state_name(from[i])));
    sql += concat(i == 0 ? "$" : ", $", args.size());
  }
  sql += ")";
  if (to == SandboxState::kHibernating) {
    // Its old archive may just be being removed.
    sql += " AND (holder = '' OR holder = $16 OR held_until <= $3)";
  }
  const bool follows =
      ends || hosts != nullptr ||
      std::ranges::any_of(from, [to](SandboxState state) { return changes_usage(state, to); });
  Session session = database_.write();
  if (follows) {
    return change_all(session, {id, from.front(), to, now, hosts, kind_of(from, to)}, sql, args,
                      args[kHostArgument], overcommit_);
  }
  WRENN_TRY_ASSIGN(const std::int64_t changed, session.execute(sql, args));
  return Placement{.outcome = changed == 1 ? Placing::kDone : Placing::kNotWanted};
}

Result<Placement> SandboxStore::move_to_host(std::string_view id, SandboxState state,
                                             const std::vector<std::string>& hosts) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query("SELECT vcpus, memory_mb, disk_mb FROM sandboxes "
                                 "WHERE id = $1 AND status = $2",
                                 {std::string(id), std::string(state_name(state))}));
  if (rows.empty()) return Placement{.outcome = Placing::kNotWanted};
  const Row& row = rows.front();
  const Amounts demand{
      .vcpus = row.integer(0), .memory_mb = row.integer(1), .disk_mb = row.integer(2)};
  Placement placement;
  WRENN_TRY_ASSIGN(auto host,
                   first_with_room(session, hosts, demand, overcommit_, placement.loads));
  if (!host) return placement;
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      session.execute("UPDATE sandboxes SET host_id = $3, updated_at = $4 "
                      "WHERE id = $1 AND status = $2",
                      {std::string(id), std::string(state_name(state)), *host, clock_()}));
  if (changed != 1) return Placement{.outcome = Placing::kNotWanted};
  WRENN_TRY(transaction.commit());
  placement.outcome = Placing::kDone;
  placement.host_id = std::move(*host);
  return placement;
}

Result<void> SandboxStore::extend_holds() {
  if (holder_.empty()) return {};
  WRENN_TRY(
      database_.write().execute("UPDATE sandboxes SET held_until = $2 WHERE holder = $1 "
                                "AND holder <> ''",
                                {holder_, clock_() + kHoldMs}));
  return {};
}

Result<void> SandboxStore::end_holds() {
  if (holder_.empty()) return {};
  WRENN_TRY(
      database_.write().execute("UPDATE sandboxes SET holder = '', held_until = 0 "
                                "WHERE holder = $1 AND holder <> ''",
                                {holder_}));
  return {};
}

Result<bool> SandboxStore::hold(std::string_view id) {
  if (holder_.empty()) return true;
  const std::int64_t now = clock_();
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute("UPDATE sandboxes SET holder = $2, held_until = $3 WHERE id = $1 "
                                "AND (holder = '' OR holder = $2 OR held_until <= $4)",
                                {std::string(id), holder_, now + kHoldMs, now}));
  return changed == 1;
}

Result<void> SandboxStore::let_go(std::string_view id) {
  if (holder_.empty()) return {};
  WRENN_TRY(database_.write().execute(
      "UPDATE sandboxes SET holder = '', held_until = 0 WHERE id = $1 AND holder = $2",
      {std::string(id), holder_}));
  return {};
}

Result<bool> SandboxStore::forget_archive(std::string_view id) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE sandboxes SET archive = '', archive_bytes = 0 "
                                             "WHERE id = $1 AND archive = 'stale'",
                                             {std::string(id)}));
  return changed == 1;
}

Result<std::vector<std::string>> SandboxStore::stale_archives(std::string_view host_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query("SELECT id FROM sandboxes WHERE host_id = $1 "
                                          "AND archive <> '' AND archive = 'stale' ORDER BY id",
                                          {std::string(host_id)}));
  std::vector<std::string> ids;
  for (const auto& row : rows) ids.push_back(row.text(0));
  return ids;
}

Result<std::map<SandboxState, std::int64_t>> SandboxStore::count_by_state() {
  std::map<SandboxState, std::int64_t> counts;
  std::string states;
  for (const SandboxState state : kAllSandboxStates) {
    if (!is_listed(state)) continue;
    counts[state] = 0;
    states += concat(states.empty() ? "'" : ", '", state_name(state), '\'');
  }
  // By name rather than NOT IN, which no index helps.
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(concat(
                                        "SELECT status, COUNT(*) FROM sandboxes WHERE status IN (",
                                        states, ") GROUP BY status")));
  for (const auto& row : rows) {
    if (const auto state = state_from_name(row.text(0))) counts[*state] = row.integer(1);
  }
  return counts;
}

Result<bool> SandboxStore::touch_active(std::string_view id) {
  const std::int64_t now = clock_();
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query("SELECT last_active_at FROM sandboxes "
                                                           "WHERE id = $1 AND status = 'running'",
                                                           {std::string(id)}));
  if (rows.empty()) return false;
  if (!rows.front().is_null(0) && now - rows.front().integer(0) < kTouchEveryMs) return true;
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE sandboxes SET last_active_at = $2 "
                                             "WHERE id = $1 AND status = 'running'",
                                             {std::string(id), now}));
  return changed == 1;
}

Result<Sandbox> SandboxStore::change_labels(std::string_view team_id, std::string_view id,
                                            const LabelChanges& changes) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto found,
                   session.query("SELECT labels FROM sandboxes WHERE id = $1 AND team_id = $2",
                                 {std::string(id), std::string(team_id)}));
  if (found.empty()) return base::fail(Code::kNotFound, "sandbox not found");
  WRENN_TRY_ASSIGN(Texts labels, parse_texts(found.front().text(0)));
  WRENN_TRY(apply_labels(changes, labels, "a sandbox"));
  WRENN_TRY_ASSIGN(std::string text, texts_to_json(labels));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query(concat("UPDATE sandboxes SET labels = $2, updated_at = $3 "
                                        "WHERE id = $1 RETURNING ",
                                        kColumns),
                                 {std::string(id), std::move(text), clock_()}));
  WRENN_TRY(session.execute("DELETE FROM sandbox_labels WHERE sandbox_id = $1", {std::string(id)}));
  WRENN_TRY(insert_labels(session, id, labels));
  WRENN_TRY(transaction.commit());
  return read_one(rows);
}

Result<bool> SandboxStore::set_lifecycle(std::string_view id, const LifecycleSettings& settings) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          "UPDATE sandboxes SET timeout_sec = $2, max_lifetime_sec = $3, end_at = $4, "
          "on_timeout = $5, updated_at = $6 WHERE id = $1 AND status NOT IN ('stopped', 'error')",
          {std::string(id), std::int64_t{settings.timeout_sec},
           std::int64_t{settings.max_lifetime_sec}, settings.end_at, settings.on_timeout,
           clock_()}));
  return changed == 1;
}

Result<bool> SandboxStore::set_network(std::string_view id, const NetworkPolicy& before,
                                       const NetworkPolicy& after) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          "UPDATE sandboxes SET network = $3, updated_at = $4 WHERE id = $1 "
          "AND network = $2 AND status NOT IN ('stopped', 'error')",
          {std::string(id), network_to_text(before), network_to_text(after), clock_()}));
  return changed == 1;
}

}  // namespace wrenn::db
