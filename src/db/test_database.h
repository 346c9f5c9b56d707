// For tests: a migrated database of their own, and a clock that stands still until it is moved.
// SQLite; PostgreSQL when WRENN_TEST_DATABASE=postgres, as one of the runs of ctest has it.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/strings.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/migrations.h"
#include "db/test_postgres.h"

namespace wrenn::db {

inline bool is_postgres_tested() {
  const char* kind = std::getenv("WRENN_TEST_DATABASE");
  return kind != nullptr && std::string_view(kind) == "postgres";
}

// Where a database is, which is gone when this is.
class TestDatabasePlace {
 public:
  TestDatabasePlace() {
    if (!is_postgres_tested()) return;
    static std::atomic<int> number = 0;
    name_ = base::concat("test_", ++number);
    (void)TestPostgres::instance()
        .admin()
        .write()
        .execute_script(base::concat("CREATE DATABASE ", name_, " TEMPLATE ", migrated()))
        .value();
  }
  TestDatabasePlace(const TestDatabasePlace&) = delete;
  TestDatabasePlace& operator=(const TestDatabasePlace&) = delete;
  ~TestDatabasePlace() {
    if (name_.empty()) return;
    (void)TestPostgres::instance().admin().write().execute_script(
        base::concat("DROP DATABASE ", name_, " WITH (FORCE)"));
  }

  // As wrenn-cp takes it.
  base::Secret address() const {
    if (!name_.empty()) return TestPostgres::instance().url(name_);
    return base::Secret(path());
  }
  // Of SQLite's file.
  base::Path path() const { return dir_.path() / "control.db"; }

 private:
  // Copied for each test, since that is quicker than to migrate anew.
  static const std::string& migrated() {
    static const std::string name = [] {
      TestPostgres& server = TestPostgres::instance();
      (void)server.admin().write().execute_script("CREATE DATABASE migrated").value();
      (void)open_and_migrate(server.url("migrated")).value();
      return std::string("migrated");
    }();
    return name;
  }

  const base::TempDir dir_ = base::TempDir::create().value();
  std::string name_;
};

struct TestDatabase {
  TestDatabasePlace place;
  Database database = reopen();
  std::int64_t now = 1'700'000'000'000;

  // Another program with the same database, in miniature.
  Database reopen() const { return open_and_migrate(place.address()).value(); }
  Clock clock() {
    return [this] { return now; };
  }
};

}  // namespace wrenn::db
