// For the tests of this folder: a migrated database in a directory of its own, and a clock that
// stands still until it is moved.
#pragma once

#include <cstdint>

#include "base/files.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/migrations.h"

namespace wrenn::db {

struct TestDatabase {
  base::TempDir dir = base::TempDir::create().value();
  base::Path path = dir.path() / "control.db";
  Database database = open_and_migrate(path).value();
  std::int64_t now = 1'700'000'000'000;

  Clock clock() {
    return [this] { return now; };
  }
};

}  // namespace wrenn::db
