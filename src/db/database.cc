#include "db/database.h"

#include <condition_variable>

#include "base/log.h"
#include "base/strings.h"
#include "db/connection.h"
#include "db/postgres.h"
#include "db/sqlite.h"

namespace wrenn::db {

using base::Result;

bool Row::is_null(std::size_t column) const {
  return std::holds_alternative<std::monostate>(values_.at(column));
}
std::int64_t Row::integer(std::size_t column) const {
  const auto* value = std::get_if<std::int64_t>(&values_.at(column));
  return value == nullptr ? 0 : *value;
}
const std::string& Row::text(std::size_t column) const {
  static const std::string kEmpty;
  const auto* value = std::get_if<std::string>(&values_.at(column));
  return value == nullptr ? kEmpty : *value;
}
std::optional<std::int64_t> Row::maybe_integer(std::size_t column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}
std::optional<std::string> Row::maybe_text(std::size_t column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::string is_one_of(std::string_view column, const std::vector<std::string>& values,
                      std::vector<Value>& args) {
  std::vector<std::string> places;
  places.reserve(values.size());
  for (const std::string& value : values) {
    args.emplace_back(value);
    places.push_back(base::concat("$", args.size()));
  }
  return base::concat(column, " IN (", base::join(places, ", "), ")");
}

// Connections that are handed out one by one.
class ConnectionPool {
 public:
  explicit ConnectionPool(AccessStats& stats) : stats_(stats) {}
  void add(std::unique_ptr<Connection> connection) {
    free_.push_back(std::move(connection));
    ++stats_.connections;
  }
  std::unique_ptr<Connection> take() {
    const auto began = base::steady_now();
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !free_.empty(); });
    auto connection = std::move(free_.back());
    free_.pop_back();
    stats_.waited.observe(base::steady_now() - began);
    stats_.in_use.add(1);
    return connection;
  }
  void give_back(std::unique_ptr<Connection> connection) {
    stats_.in_use.add(-1);
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(connection));
    }
    returned_.notify_one();
  }
  // Counts what `statement` does.
  template <class F>
  auto counted(F statement) {
    const auto began = base::steady_now();
    auto done = statement();
    stats_.count(began, done ? nullptr : &done.error());
    return done;
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> free_;
  AccessStats& stats_;
};

Result<std::vector<Row>> Session::query(std::string_view sql, const std::vector<Value>& args) {
  std::vector<Row> rows;
  WRENN_TRY(pool_->counted([&] { return connection_->run(sql, args, &rows); }));
  return rows;
}

Result<std::int64_t> Session::execute(std::string_view sql, const std::vector<Value>& args) {
  return pool_->counted([&] { return connection_->run(sql, args, nullptr); });
}

Result<void> Session::execute_script(const std::string& sql) {
  return pool_->counted([&] { return connection_->script(sql); });
}

struct Database::Pools {
  DatabaseStats stats;
  ConnectionPool writers{stats.write};
  ConnectionPool readers{stats.read};
};

Session::Session(ConnectionPool& pool) : pool_(&pool), connection_(pool.take()) {}
Session::Session(Session&&) noexcept = default;
Session::~Session() {
  if (connection_) pool_->give_back(std::move(connection_));
}

Result<Transaction> Transaction::begin(Session& session, TransactionKind kind) {
  WRENN_TRY(session.connection_->begin(kind));
  return Transaction(session);
}

Transaction::~Transaction() {
  if (session_ == nullptr) return;
  // Some errors (a full disk) have rolled back already; a second rollback then fails harmlessly.
  if (auto undone = session_->connection_->roll_back(); !undone) {
    base::log_debug("rollback", {{"error", undone.error()}});
  }
}

Result<void> Transaction::commit() {
  WRENN_TRY(session_->pool_->counted([this] { return session_->connection_->commit(); }));
  session_ = nullptr;
  return {};
}

Database::Database(std::unique_ptr<Pools> pools) : pools_(std::move(pools)) {}
Database::Database(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const base::Path& path) {
  constexpr int kReaders = 2;
  const auto opened = [&]() -> Result<Database> {
    WRENN_TRY(make_private_file(path));
    auto pools = std::make_unique<Pools>();
    WRENN_TRY_ASSIGN(auto writer, open_sqlite(path, Access::kWrite));
    pools->writers.add(std::move(writer));
    for (int i = 0; i < kReaders; ++i) {
      WRENN_TRY_ASSIGN(auto reader, open_sqlite(path, Access::kRead));
      pools->readers.add(std::move(reader));
    }
    return Database(std::move(pools));
  };
  auto database = opened();
  if (!database) return base::fail(std::move(database).error().with_context(path.native()));
  return database;
}

Result<Database> Database::connect(const base::Secret& url) {
  // One of each, too, for those who wait for a lock meanwhile.
  constexpr int kConnections = 4;
  auto pools = std::make_unique<Pools>();
  WRENN_TRY_ASSIGN(auto first, connect_postgres(url, Access::kWrite));
  pools->writers.add(std::move(first));
  for (int i = 1; i < kConnections; ++i) pools->writers.add(postgres_later(url, Access::kWrite));
  for (int i = 0; i < kConnections; ++i) pools->readers.add(postgres_later(url, Access::kRead));
  return Database(std::move(pools));
}

Session Database::write() {
  return Session(pools_->writers);
}

Session Database::read() {
  return Session(pools_->readers);
}

const DatabaseStats& Database::stats() const {
  return pools_->stats;
}

}  // namespace wrenn::db
