#include "db/host_registry.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/strings.h"
#include "db/sandbox_row.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kTokenBytes = 32;
constexpr std::string_view kTokenPrefix = "htk-";
constexpr std::int64_t kKeepOldTokensMs = 30LL * 24 * 3600 * 1000;

// In the order that read_registered() takes.
const std::string& columns() {
  static const std::string all = concat(
      kHostColumns,
      ", proxy_address, arch, cpu_cores, memory_mb, disk_gb, certificate, certificate_serial, "
      "certificate_ends_at, created_by, registered_at, last_heartbeat_at");
  return all;
}

Result<RegisteredHost> read_registered(const Row& row) {
  constexpr std::size_t kFirst = kHostColumnCount;
  RegisteredHost found;
  WRENN_TRY_ASSIGN(found.host, read_host(row));
  found.proxy_address = row.text(kFirst);
  found.specs = {.arch = row.text(kFirst + 1),
                 .cpu_cores = row.integer(kFirst + 2),
                 .memory_mb = row.integer(kFirst + 3),
                 .disk_gb = row.integer(kFirst + 4)};
  found.certificate = {.pem = row.text(kFirst + 5),
                       .serial = row.text(kFirst + 6),
                       .ends_at = row.maybe_integer(kFirst + 7).value_or(0)};
  found.created_by = row.maybe_text(kFirst + 8);
  found.registered_at = row.maybe_integer(kFirst + 9);
  found.last_heartbeat_at = row.maybe_integer(kFirst + 10);
  return found;
}

Result<std::vector<RegisteredHost>> read_hosts(const std::vector<Row>& rows) {
  std::vector<RegisteredHost> all;
  for (const Row& row : rows) {
    WRENN_TRY_ASSIGN(RegisteredHost one, read_registered(row));
    all.push_back(std::move(one));
  }
  return all;
}

std::unexpected<base::Error> no_such_host() {
  return base::fail(Code::kNotFound, "host not found");
}
std::unexpected<base::Error> not_valid() {
  return base::fail(Code::kUnauthenticated,
                    "the registration token is not valid: it was used, replaced, or has expired",
                    "make a new one with `wrenn host token`");
}

}  // namespace

Result<RegisteredHost> HostRegistry::create(const NewHost& host) {
  WRENN_TRY_ASSIGN(std::string labels, texts_to_json(host.labels));
  auto rows = database_.write().query(
      concat("INSERT INTO hosts (id, name, address, status, created_at, kind, team_id, created_by, "
             "labels) VALUES ($1, $2, '', 'offline', $3, 'registered', $4, $5, $6) RETURNING ",
             columns()),
      {base::new_id(base::kHostPrefix), host.name, clock_(), nullable(host.team_id),
       nullable(host.created_by), std::move(labels)});
  if (!rows && rows.error().code == Code::kAlreadyExists) {
    return base::fail(Code::kAlreadyExists, concat("there is a host '", host.name, "' already"),
                      "choose another name, or remove that host");
  }
  if (!rows) return base::fail(std::move(rows).error());
  if (rows->empty()) return base::fail(Code::kInternal, "the host was not stored");
  return read_registered(rows->front());
}

Result<RegisteredHost> HostRegistry::get(std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(
                                        concat("SELECT ", columns(),
                                               " FROM hosts WHERE id = $1 AND removed_at IS NULL"),
                                        {std::string(id)}));
  if (rows.empty()) return no_such_host();
  return read_registered(rows.front());
}

Result<std::vector<RegisteredHost>> HostRegistry::list() {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(concat(
                                        "SELECT ", columns(),
                                        " FROM hosts WHERE removed_at IS NULL ORDER BY name, id")));
  return read_hosts(rows);
}

Result<std::vector<RegisteredHost>> HostRegistry::list_of_team(std::string_view team_id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", columns(),
                 " FROM hosts WHERE removed_at IS NULL AND team_id = $1 ORDER BY name, id"),
          {std::string(team_id)}));
  return read_hosts(rows);
}

Result<base::Secret> HostRegistry::issue_token(std::string_view host_id,
                                               const std::optional<std::string>& created_by,
                                               base::Duration lifetime) {
  const std::string digits = base::to_hex(base::random_bytes(kTokenBytes));
  const std::string id(host_id);
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query("SELECT registered_at FROM hosts WHERE id = $1 AND "
                                 "kind = 'registered' AND removed_at IS NULL",
                                 {id}));
  if (rows.empty()) return no_such_host();
  if (!rows.front().is_null(0)) {
    return base::fail(Code::kFailedPrecondition, "the host has registered already",
                      "its agent needs no token any more; a machine that lost its credentials "
                      "is removed and added anew");
  }
  WRENN_TRY(
      session.execute("DELETE FROM host_tokens WHERE host_id = $1 AND used_at IS NULL", {id}));
  WRENN_TRY(session.execute(
      "INSERT INTO host_tokens (id, host_id, token_hash, created_by, created_at, expires_at) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {base::new_id(kTokenPrefix), id, base::sha256_hex(digits), nullable(created_by), now,
       now + base::to_ms(lifetime)}));
  WRENN_TRY(transaction.commit());
  return base::Secret(digits);
}

Result<std::string> HostRegistry::host_of_token(std::string_view token) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query("SELECT host_id FROM host_tokens WHERE token_hash = $1 "
                                          "AND used_at IS NULL AND expires_at > $2",
                                          {base::sha256_hex(token), clock_()}));
  if (rows.empty()) return not_valid();
  return rows.front().text(0);
}

Result<RegisteredHost> HostRegistry::complete(std::string_view token,
                                              const HostEndpoints& endpoints,
                                              const HostSpecs& specs,
                                              const HostCertificate& certificate) {
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto used,
                   session.query("UPDATE host_tokens SET used_at = $1 WHERE token_hash = $2 AND "
                                 "used_at IS NULL AND expires_at > $1 RETURNING host_id",
                                 {now, base::sha256_hex(token)}));
  if (used.empty()) return not_valid();
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(
          concat("UPDATE hosts SET address = $2, proxy_address = $3, arch = $4, cpu_cores = $5, "
                 "memory_mb = $6, disk_gb = $7, certificate = $8, certificate_serial = $9, "
                 "certificate_ends_at = $10, registered_at = $11, status = 'unreachable' "
                 "WHERE id = $1 AND registered_at IS NULL AND removed_at IS NULL RETURNING ",
                 columns()),
          {used.front().text(0), endpoints.agent, endpoints.proxy, specs.arch, specs.cpu_cores,
           specs.memory_mb, specs.disk_gb, certificate.pem, certificate.serial, certificate.ends_at,
           now}));
  if (rows.empty()) return not_valid();
  WRENN_TRY(transaction.commit());
  return read_registered(rows.front());
}

Result<bool> HostRegistry::note_call(std::string_view id, std::int64_t signed_at) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute(
                       "UPDATE hosts SET last_signed_at = $2 WHERE id = $1 AND "
                       "last_signed_at < $2 AND registered_at IS NOT NULL AND removed_at IS NULL",
                       {std::string(id), signed_at}));
  return changed == 1;
}

Result<bool> HostRegistry::note_heartbeat(std::string_view id, const HostEndpoints& endpoints,
                                          const HostSpecs& specs) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          "UPDATE hosts SET last_heartbeat_at = $2, address = $3, proxy_address = $4, arch = $5, "
          "cpu_cores = $6, memory_mb = $7, disk_gb = $8 "
          "WHERE id = $1 AND registered_at IS NOT NULL AND removed_at IS NULL",
          {std::string(id), clock_(), endpoints.agent, endpoints.proxy, specs.arch, specs.cpu_cores,
           specs.memory_mb, specs.disk_gb}));
  return changed == 1;
}

Result<bool> HostRegistry::renew(std::string_view id, const HostCertificate& certificate) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          "UPDATE hosts SET certificate = $2, certificate_serial = $3, "
          "certificate_ends_at = $4 "
          "WHERE id = $1 AND registered_at IS NOT NULL AND removed_at IS NULL",
          {std::string(id), certificate.pem, certificate.serial, certificate.ends_at}));
  return changed == 1;
}

Result<RegisteredHost> HostRegistry::change_labels(std::string_view id,
                                                   const LabelChanges& changes) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto found,
                   session.query("SELECT labels FROM hosts WHERE id = $1 AND removed_at IS NULL",
                                 {std::string(id)}));
  if (found.empty()) return no_such_host();
  WRENN_TRY_ASSIGN(Texts labels, parse_texts(found.front().text(0)));
  WRENN_TRY(apply_labels(changes, labels, "a host"));
  WRENN_TRY_ASSIGN(std::string text, texts_to_json(labels));
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(concat("UPDATE hosts SET labels = $2 WHERE id = $1 RETURNING ", columns()),
                    {std::string(id), std::move(text)}));
  if (rows.empty()) return no_such_host();
  WRENN_TRY(transaction.commit());
  return read_registered(rows.front());
}

Result<bool> HostRegistry::set_draining(std::string_view id, Draining draining) {
  // Since when it is drained stays what it was.
  const bool drains = draining == Draining::kYes;
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          drains ? "UPDATE hosts SET draining_since = COALESCE(draining_since, $2) "
                   "WHERE id = $1 AND removed_at IS NULL"
                 : "UPDATE hosts SET draining_since = NULL WHERE id = $1 AND removed_at IS NULL",
          drains ? std::vector<Value>{std::string(id), clock_()}
                 : std::vector<Value>{std::string(id)}));
  return changed == 1;
}

Result<bool> HostRegistry::remove(std::string_view id) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   session.execute("UPDATE hosts SET removed_at = $2, status = 'offline', "
                                   "certificate = '' "
                                   "WHERE id = $1 AND kind = 'registered' AND removed_at IS NULL",
                                   {std::string(id), clock_()}));
  WRENN_TRY(session.execute("DELETE FROM host_tokens WHERE host_id = $1 AND used_at IS NULL",
                            {std::string(id)}));
  if (changed == 1) WRENN_TRY(transaction.commit());
  return changed == 1;
}

Result<void> HostRegistry::clear_old_tokens() {
  WRENN_TRY(database_.write().execute("DELETE FROM host_tokens WHERE expires_at < $1",
                                      {clock_() - kKeepOldTokensMs}));
  return {};
}

}  // namespace wrenn::db
