// What is kept of builds to be used again: the machine after each step, on the host where it was
// built. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

struct Layer {
  std::string id;  // "tpl-..."; what its host calls it.
  std::string team_id;
  std::string cache_key;  // Of the step and of all before it.
  std::string host_id;
  int vcpus = 1;
  int memory_mb = 0;
  int disk_mb = 0;
  std::int64_t size_bytes = 0;
  std::int64_t created_at = 0;
  std::int64_t used_at = 0;
};

class LayerStore {
 public:
  explicit LayerStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // In place of one of that key on that host, if there is one: that is discarded.
  base::Result<void> put(const Layer& layer);
  // Of these keys, those that there are layers of, on any host.
  base::Result<std::vector<Layer>> find(std::string_view team_id,
                                        const std::vector<std::string>& keys);
  // It was used just now. False when it is gone.
  base::Result<bool> touch(std::string_view id);
  // It is not found any more, and the first of those that are unused.
  base::Result<void> discard(std::string_view id);
  // Its host has nothing of it any more.
  base::Result<void> remove(std::string_view id);
  // Not used since `before`; oldest use first.
  base::Result<std::vector<Layer>> list_unused(std::int64_t before, int limit);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
