// BuildLog: what a build says, on its way to the database.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/build_store.h"
#include "net/blocking.h"
#include "net/sync.h"

namespace wrenn::control {

// For one loop. What is not flushed at its end is lost.
class BuildLog {
 public:
  // Both outlive it; `store` from the pool only.
  BuildLog(db::BuildStore& store, net::BlockingPool& pool, std::string build_id)
      : store_(store), pool_(pool), build_id_(std::move(build_id)) {}

  // `kind`: "step", "cached", "done", "notice" or "error"; of a step, or 0 of the build as a whole.
  void say(int step, std::string_view kind, std::string text);
  // Output of a command, "stdout" or "stderr", as it comes. Waits while there is too much that is
  // not written yet, so that a command which says much is slowed down.
  net::Task<base::Result<void>> output(int step, std::string_view kind, std::string_view bytes);
  // What was said so far is in the database.
  net::Task<base::Result<void>> flush();

 private:
  static constexpr std::size_t kMaxWaiting = std::size_t{256} << 10;

  void add(int step, std::string_view kind, std::string text);

  db::BuildStore& store_;
  net::BlockingPool& pool_;
  const std::string build_id_;
  std::vector<db::BuildLogLine> waiting_;
  std::size_t waiting_bytes_ = 0;
  // Beginnings of characters whose ends have not come yet, by step and kind: several steps may be
  // at work.
  std::map<std::pair<int, std::string>, std::string> cut_;
  net::Mutex writing_;
};

}  // namespace wrenn::control
