// Which sandbox the create with a client's idempotency key made. Kept for a day. Blocking,
// thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

struct IdempotencyClaim {
  bool is_new = false;
  std::string sandbox_id;  // Of the first who came with the key.
};

class IdempotencyStore {
 public:
  explicit IdempotencyStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // The first with a key gets it for `sandbox_id`. kInvalidArgument when it was used for another
  // request. One whose sandbox could not be made or is still not begun
  // after 10 s, or that is older than a day, counts as unused.
  base::Result<IdempotencyClaim> claim(std::string_view team_id, std::string_view key,
                                       std::string_view request_hash, std::string_view sandbox_id);
  // The sandbox is not being made after all: the key is unused, unless it is another's by now or
  // there is such a sandbox that has not failed.
  base::Result<void> release(std::string_view team_id, std::string_view key,
                             std::string_view sandbox_id);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
