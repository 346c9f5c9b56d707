// Lock-out: after a few failed logins whoever tries has to wait, longer each time. Blocking,
// thread-safe; several control planes count together.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

// How many failures are free, before a wait that doubles with each further one: from 2 s to 15 min.
inline constexpr std::int64_t kFreeFailuresPerUser = 5;
inline constexpr std::int64_t kFreeFailuresPerAddress = 20;

class FailedLoginStore {
 public:
  // The database must be migrated and outlive the store.
  explicit FailedLoginStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // `subject`: what attempts have in common, e.g. "email:..." or "address:...". Milliseconds that
  // it still has to wait, 0 when it need not.
  base::Result<std::int64_t> locked_for(std::string_view subject);
  // A quarter of an hour without one begins anew.
  base::Result<void> note(std::string_view subject, std::int64_t free_failures);
  base::Result<void> clear(std::string_view subject);
  // Forgets what is of no effect any more.
  base::Result<void> clear_old();

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
