// Copies of a database of SQLite, whole and in one file, and the way back. PostgreSQL has tools of
// its own for this. Blocking.
//
// A copy is itself a database of SQLite: the tables as they were at one moment, and one more,
// `wrenn_backup`, which says what it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "db/database.h"

namespace wrenn::db {

// What a copy says of itself.
struct BackupLabel {
  std::string program;          // The version that made it.
  std::string key_fingerprint;  // Of the key that opens what is sealed in it; empty: not known.
  std::int64_t made_at = 0;     // Unix milliseconds.
};
struct Backup {
  BackupLabel label;
  int schema = 0;
};

// Whether the file, which is there, has that table. It is opened as it is: nothing is migrated.
base::Result<bool> has_table(Database& database, std::string_view name);

// Copies the database, which others may go on using, to `target`, whole or not at all (0600).
// kNotFound when there is no database, kAlreadyExists when there is a target.
base::Result<Backup> back_up(const base::Path& database, const base::Path& target,
                             const BackupLabel& label);

// What the copy is, after every page of it was looked at. `file` is opened for writing.
// kInvalidArgument for what is no copy, kDataLoss for a damaged one, kFailedPrecondition for one of
// a newer version.
base::Result<Backup> inspect_backup(const base::Path& file);

enum class Existing { kRefused, kSetAside };
// Makes a copy that was inspected the database; `file` is on the same file system and is gone
// afterwards. The old database, if there is one, is renamed, and its new name returned, or
// kAlreadyExists. kFailedPrecondition while somebody uses it.
base::Result<std::optional<base::Path>> put_in_place(const base::Path& file,
                                                     const base::Path& database, Existing existing);

}  // namespace wrenn::db
