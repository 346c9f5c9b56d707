#include "db/idempotency_store.h"

namespace wrenn::db {

using base::Code;
using base::Result;

namespace {
constexpr std::int64_t kKeptMs = 24 * 3600 * std::int64_t{1000};
constexpr std::int64_t kAbandonedMs = 10'000;
}  // namespace

Result<IdempotencyClaim> IdempotencyStore::claim(std::string_view team_id, std::string_view key,
                                                 std::string_view request_hash,
                                                 std::string_view sandbox_id) {
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY(session.execute("DELETE FROM idempotency_keys WHERE created_at < $1", {now - kKeptMs}));
  // One without a sandbox: whoever came first ended before it began to make it.
  WRENN_TRY(session.execute(
      "DELETE FROM idempotency_keys WHERE team_id = $1 AND idempotency_key = $2 AND (sandbox_id IN "
      "(SELECT id FROM sandboxes WHERE status = 'error') OR (created_at < $3 AND "
      "sandbox_id NOT IN (SELECT id FROM sandboxes WHERE team_id = $1)))",
      {std::string(team_id), std::string(key), now - kAbandonedMs}));
  WRENN_TRY_ASSIGN(
      const std::int64_t inserted,
      session.execute("INSERT INTO idempotency_keys (team_id, idempotency_key, request_hash, "
                      "sandbox_id, created_at) VALUES ($1, $2, $3, $4, $5) "
                      "ON CONFLICT (team_id, idempotency_key) DO NOTHING",
                      {std::string(team_id), std::string(key), std::string(request_hash),
                       std::string(sandbox_id), now}));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query("SELECT request_hash, sandbox_id FROM idempotency_keys "
                                 "WHERE team_id = $1 AND idempotency_key = $2",
                                 {std::string(team_id), std::string(key)}));
  WRENN_TRY(transaction.commit());
  if (rows.empty()) return base::fail(Code::kInternal, "an idempotency key was not kept");
  if (rows.front().text(0) != request_hash) {
    return base::fail(Code::kInvalidArgument, "this idempotency key was used for another request",
                      "use a new key for a new request");
  }
  return IdempotencyClaim{.is_new = inserted == 1, .sandbox_id = rows.front().text(1)};
}

Result<void> IdempotencyStore::release(std::string_view team_id, std::string_view key,
                                       std::string_view sandbox_id) {
  WRENN_TRY(database_.write().execute(
      "DELETE FROM idempotency_keys WHERE team_id = $1 AND idempotency_key = $2 AND sandbox_id = "
      "$3 "
      "AND NOT EXISTS (SELECT 1 FROM sandboxes WHERE id = $3 AND status <> 'error')",
      {std::string(team_id), std::string(key), std::string(sandbox_id)}));
  return {};
}

}  // namespace wrenn::db
