// Database: a thin, typed way to SQL. Blocking (call from a pool thread) and thread-safe.
//
// Statements are written so that PostgreSQL takes them too: parameters are $1, $2, ..., times are
// BIGINT milliseconds, ids are TEXT.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"
#include "db/database_stats.h"

namespace wrenn::db {

using Value = std::variant<std::monostate, std::int64_t, std::string>;  // monostate: NULL
inline Value nullable(const std::optional<std::string>& v) {
  return v ? Value(*v) : Value();
}
inline Value nullable(const std::optional<std::int64_t>& v) {
  return v ? Value(*v) : Value();
}

// One row of an answer; columns count from 0. A column of another type than asked for reads as 0
// or "", so ask for what the statement selects.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  bool is_null(std::size_t column) const;
  std::int64_t integer(std::size_t column) const;
  const std::string& text(std::size_t column) const;
  std::optional<std::int64_t> maybe_integer(std::size_t column) const;
  std::optional<std::string> maybe_text(std::size_t column) const;

 private:
  std::vector<Value> values_;
};

// "column IN ($4, $5)", for the values, which it adds to the arguments. There must be one at least.
std::string is_one_of(std::string_view column, const std::vector<std::string>& values,
                      std::vector<Value>& args);

class Connection;
class ConnectionPool;

// A connection held for a few statements; nobody else uses it meanwhile. Keep it short, never take
// a second one while holding a first. Not thread-safe itself.
class Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  // A statement that answers with rows (also INSERT/UPDATE ... RETURNING).
  base::Result<std::vector<Row>> query(std::string_view sql, const std::vector<Value>& args = {});
  // A statement without an answer; returns the number of rows it changed.
  base::Result<std::int64_t> execute(std::string_view sql, const std::vector<Value>& args = {});
  // Several statements without parameters, not cached.
  base::Result<void> execute_script(const std::string& sql);

 private:
  friend class Database;
  friend class Transaction;
  explicit Session(ConnectionPool& pool);
  ConnectionPool* pool_;
  std::unique_ptr<Connection> connection_;
};

// One transaction at a time runs in the whole database, also of several programs; of kExclusive
// ones, nothing else writes meanwhile on SQLite, and other kExclusive ones wait on PostgreSQL. A
// kUnsynced one is as kImmediate, but its commit does not wait for the disk: it gets there with the
// next that does, so a power loss may take it back, and nothing else can. For what is found out
// again then.
enum class TransactionKind { kImmediate, kExclusive, kUnsynced };

// Rolls back at its end unless committed. The session must outlive it.
class Transaction {
 public:
  static base::Result<Transaction> begin(Session& session,
                                         TransactionKind kind = TransactionKind::kImmediate);
  Transaction(Transaction&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  base::Result<void> commit();

 private:
  explicit Transaction(Session& session) : session_(&session) {}
  Session* session_;
};

// SQLite: one connection that writes, a few that read beside it (WAL). PostgreSQL: a few of each.
// Errors: a unique constraint is kAlreadyExists, any other constraint kFailedPrecondition, a
// database that is busy for 5 s or does not answer kUnavailable, disk full kResourceExhausted, a
// damaged file kDataLoss with a remedy. After kUnavailable a statement may have been executed.
class Database {
 public:
  // Creates the file (0600) when it is missing; its directory must exist. Applies no migrations.
  static base::Result<Database> open(const base::Path& path);
  // PostgreSQL, by its address as libpq has it: postgres://USER:PASSWORD@HOST/NAME?sslmode=... A
  // connection that is lost is made anew when it is needed next.
  static base::Result<Database> connect(const base::Secret& url);
  Database(Database&&) noexcept;
  ~Database();

  // Both wait for their turn. A statement that writes fails in a read session.
  Session write();
  Session read();

  // Of all its connections, for as long as it lives.
  const DatabaseStats& stats() const;

 private:
  struct Pools;
  explicit Database(std::unique_ptr<Pools> pools);
  std::unique_ptr<Pools> pools_;
};

}  // namespace wrenn::db
