// Migrations: the numbered SQL files of migrations/, embedded in the binary.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "db/database.h"

namespace wrenn::db {

struct Migration {
  int number = 0;         // Ascending from 1 without gaps.
  std::string_view name;  // "0001_initial"
  std::string_view sql;
};

std::span<const Migration> embedded_migrations();

// Applies what is missing, all or nothing, under an exclusive lock, so that several processes may
// start at once; returns the schema's version. kFailedPrecondition when the database is newer than
// this binary or when an applied migration was changed afterwards.
base::Result<int> migrate(Database& database,
                          std::span<const Migration> migrations = embedded_migrations());

// How many of them the database has; nothing is applied. kFailedPrecondition as of migrate().
base::Result<int> schema_version(Database& database,
                                 std::span<const Migration> migrations = embedded_migrations());

// Whether the database has all of them, as they are here: kFailedPrecondition when not. Blocking.
base::Result<void> check_schema(Database& database,
                                std::span<const Migration> migrations = embedded_migrations());

// Whether that is the address of a database that several programs may use at once.
bool is_postgres(const base::Secret& address);

// What a program wants: the database of that address, migrated. A file of SQLite, which is made
// with its directory when it is missing, or postgres://...
base::Result<Database> open_and_migrate(const base::Secret& address);

}  // namespace wrenn::db
