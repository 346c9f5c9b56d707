#include "db/migrations.h"

#include <string>

#include "base/crypto.h"
#include "base/strings.h"
#include "base/time.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr const char* kCreateTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, "
    "applied_at BIGINT NOT NULL)";

Result<void> check_applied(const std::vector<Row>& applied, std::span<const Migration> known) {
  if (applied.size() > known.size()) {
    return base::fail(Code::kFailedPrecondition,
                      concat("the database has schema ", applied.size(),
                             ", this program knows schemas up to ", known.size()),
                      "run the newer version of Wrenn that made it");
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const bool same = applied[i].integer(0) == known[i].number &&
                      applied[i].text(1) == base::sha256_hex(known[i].sql);
    if (!same) {
      return base::fail(
          Code::kFailedPrecondition,
          concat("migration ", known[i].name, " is not the one that was applied to this database"),
          "restore the migration file; make changes in a new one");
    }
  }
  return {};
}

Result<void> apply(Session& session, const Migration& migration) {
  auto done = session.execute_script(std::string(migration.sql));
  if (!done) {
    return base::fail(std::move(done).error().with_context(concat("migration ", migration.name)));
  }
  WRENN_TRY(session.execute(
      "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
      {std::int64_t{migration.number}, std::string(migration.name), base::sha256_hex(migration.sql),
       base::unix_ms_now()}));
  return {};
}

constexpr std::string_view kAppliedMigrations =
    "SELECT number, checksum FROM schema_migrations ORDER BY number";

}  // namespace

Result<int> migrate(Database& database, std::span<const Migration> migrations) {
  Session session = database.write();
  // Exclusive from the start: of two programs started at once, the second waits and finds all done.
  WRENN_TRY_ASSIGN(Transaction transaction,
                   Transaction::begin(session, TransactionKind::kExclusive));
  WRENN_TRY(session.execute(kCreateTable));
  WRENN_TRY_ASSIGN(const auto applied, session.query(kAppliedMigrations));
  WRENN_TRY(check_applied(applied, migrations));
  for (const auto& migration : migrations.subspan(applied.size())) {
    WRENN_TRY(apply(session, migration));
  }
  WRENN_TRY(transaction.commit());
  return static_cast<int>(migrations.size());
}

Result<int> schema_version(Database& database, std::span<const Migration> migrations) {
  WRENN_TRY_ASSIGN(const auto applied, database.read().query(kAppliedMigrations));
  WRENN_TRY(check_applied(applied, migrations));
  return static_cast<int>(applied.size());
}

Result<void> check_schema(Database& database, std::span<const Migration> migrations) {
  WRENN_TRY_ASSIGN(const int version, schema_version(database, migrations));
  if (static_cast<std::size_t>(version) == migrations.size()) return {};
  return base::fail(
      Code::kFailedPrecondition,
      concat("the database has schema ", version, ", and this program needs ", migrations.size()));
}

bool is_postgres(const base::Secret& address) {
  return address.reveal().starts_with("postgres://") ||
         address.reveal().starts_with("postgresql://");
}

Result<Database> open_and_migrate(const base::Secret& address) {
  const bool is_server = is_postgres(address);
  if (!is_server) {
    WRENN_TRY(base::make_dirs(base::Path(address.reveal()).parent_path(), 0700));
  }
  const std::string place = is_server ? "PostgreSQL" : std::string(address.reveal());
  WRENN_TRY_ASSIGN(Database database,
                   is_server ? Database::connect(address) : Database::open(place));
  auto migrated = migrate(database);
  if (!migrated) return base::fail(std::move(migrated).error().with_context(place));
  return database;
}

}  // namespace wrenn::db
