#include "db/wal_checkpointer.h"

#include <sqlite3.h>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Of 4 KiB. Rare, since the last pages of each are waited for.
constexpr int kWantedPages = 4000;
constexpr int kMaxPages = 16'000;
// For the writer to come to its end, and then, while it is kept away, for readers to come to
// theirs.
constexpr int kBusyTimeoutMs = 20;

}  // namespace

void WalCheckpointer::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Result<std::unique_ptr<WalCheckpointer>> WalCheckpointer::start(const base::Path& path) {
  sqlite3* opened = nullptr;
  const int status =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<sqlite3, Close> handle(opened);
  if (handle == nullptr) return base::fail(Code::kResourceExhausted, "out of memory");
  sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  // A sync of the log before its pages move, and of the file after: as durable as the commits.
  if (status != SQLITE_OK ||
      sqlite3_exec(opened, "PRAGMA synchronous=FULL", nullptr, nullptr, nullptr) != SQLITE_OK) {
    return base::fail(Code::kUnavailable, concat("database: ", sqlite3_errmsg(opened)));
  }
  return std::unique_ptr<WalCheckpointer>(new WalCheckpointer(std::move(handle)));
}

WalCheckpointer::WalCheckpointer(std::unique_ptr<sqlite3, Close> handle)
    : handle_(std::move(handle)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

WalCheckpointer::~WalCheckpointer() = default;

void WalCheckpointer::watch(sqlite3* connection) {
  sqlite3_wal_hook(connection, committed, this);
}

int WalCheckpointer::committed(void* self, sqlite3* connection, const char* database, int pages) {
  if (pages < kWantedPages) return SQLITE_OK;
  auto& checkpointer = *static_cast<WalCheckpointer*>(self);
  {
    const std::lock_guard lock(checkpointer.mutex_);
    checkpointer.is_wanted_ = true;
  }
  checkpointer.wanted_.notify_one();
  // What it cannot do now, the next commit tries: the commit itself is done.
  if (pages >= kMaxPages) sqlite3_wal_checkpoint(connection, database);
  return SQLITE_OK;
}

int WalCheckpointer::checkpoint(int mode) {
  return sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, mode, nullptr, nullptr);
}

void WalCheckpointer::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wanted_.wait(lock, stop, [this] { return is_wanted_; })) {
    is_wanted_ = false;
    lock.unlock();
    // Nearly all of it while nobody waits, and then what was committed meanwhile, with the writer
    // kept away: a log of which a page is left over cannot begin anew.
    int status = checkpoint(SQLITE_CHECKPOINT_PASSIVE);
    if (status == SQLITE_OK) status = checkpoint(SQLITE_CHECKPOINT_FULL);
    if (status != SQLITE_OK && status != SQLITE_BUSY) {
      base::log_warn("the log of the database stays as long as it is",
                     {{"error", std::string_view(sqlite3_errmsg(handle_.get()))}});
    }
    lock.lock();
  }
}

}  // namespace wrenn::db
