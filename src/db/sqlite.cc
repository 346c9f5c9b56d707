#include "db/sqlite.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <thread>

#include <sqlite3.h>

#include "base/strings.h"
#include "base/time.h"
#include "db/wal_checkpointer.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr int kBusyTimeoutMs = 5000;
constexpr std::size_t kMaxCachedStatements = 64;

// synchronous=FULL: what was acknowledged (a key shown once, a state a user was told) survives a
// power loss. It costs one sync of the log per write, and writes are few: reads never wait for it,
// because they have connections of their own.
constexpr const char* kSetup =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
    "PRAGMA trusted_schema=OFF;";

struct CloseConnection {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, CloseConnection>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

base::Error error_of(int extended_code, std::string message) {
  switch (extended_code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
      return {Code::kAlreadyExists, std::move(message)};
    default:
      break;
  }
  switch (extended_code & 0xFF) {
    case SQLITE_CONSTRAINT:
      return {Code::kFailedPrecondition, std::move(message)};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::kUnavailable, std::move(message),
              "another process holds the database; try again"};
    case SQLITE_FULL:
      return {Code::kResourceExhausted, std::move(message),
              "free space on the file system of the database"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Code::kDataLoss, std::move(message),
              "the database file is damaged: restore it from a backup, or move it away to start "
              "empty"};
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return {Code::kPermissionDenied, std::move(message)};
    case SQLITE_CANTOPEN:
      return {Code::kNotFound, std::move(message)};
    default:
      return {Code::kInternal, std::move(message)};
  }
}

// A reused statement must not keep values or locks of the call before.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(sqlite3_stmt* statement) : statement_(statement) {}
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;
  ~ResetAtEnd() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

 private:
  sqlite3_stmt* statement_;
};

int bind(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return sqlite3_bind_int64(statement, index, *number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    // The text outlives the statement's use, so nothing is copied.
    return sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                               SQLITE_UTF8);
  }
  return sqlite3_bind_null(statement, index);
}

Value column(sqlite3_stmt* statement, int index) {
  switch (sqlite3_column_type(statement, index)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, index)};
    default: {
      const auto* text = sqlite3_column_text(statement, index);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
      return text == nullptr ? std::string()
                             : std::string(reinterpret_cast<const char*>(text), size);
    }
  }
}

// One SQLite connection and its prepared statements.
class SqliteConnection final : public Connection {
 public:
  static Result<std::unique_ptr<SqliteConnection>> open(const std::string& path) {
    auto connection = std::make_unique<SqliteConnection>();
    sqlite3* handle = nullptr;
    const int status = sqlite3_open_v2(path.c_str(), &handle,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    connection->handle_.reset(handle);
    if (handle == nullptr) return base::fail(Code::kResourceExhausted, "out of memory");
    if (status != SQLITE_OK) return base::fail(connection->last_error());
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
    WRENN_TRY(connection->set_up());
    return connection;
  }

  Result<void> checkpoint_aside(const base::Path& path) {
    WRENN_TRY_ASSIGN(checkpointer_, WalCheckpointer::start(path));
    checkpointer_->watch(handle_.get());
    return {};
  }

  // Changing the journal's mode does not wait for other connections that do the same, so we do.
  Result<void> set_up() {
    constexpr auto kPause = std::chrono::milliseconds(10);
    const auto deadline = base::steady_now() + std::chrono::milliseconds(kBusyTimeoutMs);
    while (true) {
      auto done = script(kSetup);
      const bool is_busy = !done && done.error().code == Code::kUnavailable;
      if (!is_busy || base::steady_now() >= deadline) return done;
      std::this_thread::sleep_for(kPause);
    }
  }

  Result<void> begin(TransactionKind kind) override {
    // Neither can be changed inside of one.
    WRENN_TRY(set_synced(kind != TransactionKind::kUnsynced));
    return script(kind == TransactionKind::kExclusive ? "BEGIN EXCLUSIVE" : "BEGIN IMMEDIATE");
  }
  Result<void> commit() override {
    WRENN_TRY(script("COMMIT"));
    return set_synced(true);
  }
  Result<void> roll_back() override {
    auto undone = script("ROLLBACK");
    WRENN_TRY(set_synced(true));
    return undone;
  }

  Result<void> script(const std::string& sql) override {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      return base::fail(last_error());
    }
    return {};
  }

  Result<std::int64_t> run(std::string_view sql, const std::vector<Value>& args,
                           std::vector<Row>* rows) override {
    WRENN_TRY_ASSIGN(sqlite3_stmt * statement, prepare(sql));
    const ResetAtEnd reset(statement);
    WRENN_TRY(bind_all(statement, sql, args));
    const std::int64_t before = sqlite3_total_changes64(handle_.get());
    int status = SQLITE_OK;
    while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
      if (rows != nullptr) rows->push_back(read_row(statement));
    }
    if (status != SQLITE_DONE) return base::fail(last_error());
    return sqlite3_total_changes64(handle_.get()) - before;
  }

 private:
  Result<void> set_synced(bool synced) {
    if (synced == is_synced_) return {};
    WRENN_TRY(script(synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
    is_synced_ = synced;
    return {};
  }

  Result<sqlite3_stmt*> prepare(std::string_view sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) {
      return found->second.get();
    }
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
      return base::fail(last_error());
    }
    StatementHandle owned(statement);
    if (statement == nullptr) return base::fail(Code::kInternal, "an empty statement");
    // Statements are few and fixed; should that ever change, forgetting all is good enough.
    if (statements_.size() >= kMaxCachedStatements) statements_.clear();
    statements_.emplace(std::string(sql), std::move(owned));
    return statement;
  }

  // "$3" takes the third value wherever it stands, as PostgreSQL has it. SQLite sees a name in it.
  Result<void> bind_all(sqlite3_stmt* statement, std::string_view sql,
                        const std::vector<Value>& args) {
    const int parameters = sqlite3_bind_parameter_count(statement);
    if (static_cast<std::size_t>(parameters) != args.size()) {
      return base::fail(Code::kInternal, concat("a statement with ", parameters,
                                                " parameters was given ", args.size(), ": ", sql));
    }
    for (std::size_t i = 0; i < args.size(); ++i) {
      const std::string name = concat("$", i + 1);
      const int index = sqlite3_bind_parameter_index(statement, name.c_str());
      if (index == 0) return base::fail(Code::kInternal, concat(name, " is not in: ", sql));
      if (bind(statement, index, args[i]) != SQLITE_OK) return base::fail(last_error());
    }
    return {};
  }

  static Row read_row(sqlite3_stmt* statement) {
    const int columns = sqlite3_column_count(statement);
    std::vector<Value> values;
    values.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) values.push_back(column(statement, i));
    return Row(std::move(values));
  }

  base::Error last_error() const {
    return error_of(sqlite3_extended_errcode(handle_.get()),
                    concat("database: ", sqlite3_errmsg(handle_.get())));
  }

  bool is_synced_ = true;
  std::unique_ptr<WalCheckpointer> checkpointer_;  // Of one that writes. Outlives the handle.
  Handle handle_;
  // After the handle: statements must be gone before their connection closes.
  std::map<std::string, StatementHandle, std::less<>> statements_;
};

}  // namespace

Result<void> make_private_file(const base::Path& path) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::fchmod(file.get(), 0600) != 0) return base::fail_errno(errno, "cannot set the mode");
  return {};
}

Result<std::unique_ptr<Connection>> open_sqlite(const base::Path& path, Access access) {
  WRENN_TRY_ASSIGN(auto connection, SqliteConnection::open(path.native()));
  if (access == Access::kRead) WRENN_TRY(connection->script("PRAGMA query_only=ON"));
  if (access == Access::kWrite) WRENN_TRY(connection->checkpoint_aside(path));
  return connection;
}

}  // namespace wrenn::db
