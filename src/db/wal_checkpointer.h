// WalCheckpointer: moves what SQLite's log holds into the database file, on a thread of its own. A
// commit that fills the log would otherwise do that itself, and whoever waits for it would wait for
// a thousand pages and two syncs. For this folder's own sources.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/files.h"
#include "base/result.h"

struct sqlite3;

namespace wrenn::db {

class WalCheckpointer {
 public:
  // Of a file whose journal is a log already; uses a connection of its own.
  static base::Result<std::unique_ptr<WalCheckpointer>> start(const base::Path& path);
  WalCheckpointer(const WalCheckpointer&) = delete;
  WalCheckpointer& operator=(const WalCheckpointer&) = delete;
  // Waits for a checkpoint that has begun.
  ~WalCheckpointer();

  // From now on commits of `connection` only say how long the log is. One that nobody shortens, as
  // when a reader stays, is tried again at each commit, and never grows past kMaxPages without the
  // commit itself trying. We must outlive the connection's last commit.
  void watch(sqlite3* connection);

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  explicit WalCheckpointer(std::unique_ptr<sqlite3, Close> handle);
  static int committed(void* self, sqlite3* connection, const char* database, int pages);
  int checkpoint(int mode);
  void run(const std::stop_token& stop);

  std::unique_ptr<sqlite3, Close> handle_;  // The thread's alone.
  std::mutex mutex_;
  std::condition_variable_any wanted_;
  bool is_wanted_ = false;
  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace wrenn::db
