#include "db/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "base/time.h"
#include "db/connection.h"
#include "db/migrations.h"
#include "db/sqlite.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Path;
using base::Result;

constexpr std::int64_t kFormat = 1;
constexpr std::string_view kLabelTable = "wrenn_backup";
constexpr const char* kCreateLabel =
    "CREATE TABLE wrenn_backup (format BIGINT NOT NULL, program TEXT NOT NULL, "
    "key_fingerprint TEXT NOT NULL, made_at BIGINT NOT NULL)";
constexpr const char* kNoBackup = "give the file that `wrenn-cp backup` made";

bool is_there(const Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// SQLite's log and its index, beside a database that is in use.
std::vector<Path> companions(const Path& database) {
  return {Path(database.native() + "-wal"), Path(database.native() + "-shm")};
}

Result<void> move_file(const Path& from, const Path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return base::fail_errno(errno, concat("cannot rename ", from.native(), " to ", to.native()));
  }
  return {};
}

Result<void> sync_file(const Path& file) {
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file(file, O_RDONLY));
  if (::fsync(fd.get()) != 0) {
    return base::fail_errno(errno, concat("cannot write ", file.native(), " to the disk"));
  }
  return {};
}

// Root restores for whoever owns the directory.
Result<void> give_to_owner(const Path& file, const Path& directory) {
  if (::geteuid() != 0) return {};
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0 ||
      ::chown(file.c_str(), info.st_uid, info.st_gid) != 0) {
    return base::fail_errno(
        errno, concat("cannot give the database to the owner of ", directory.native()));
  }
  return {};
}

Result<Backup> write_label(const Path& copy, const BackupLabel& label) {
  WRENN_TRY_ASSIGN(Database database, Database::open(copy));
  WRENN_TRY_ASSIGN(const int schema, schema_version(database));
  Session session = database.write();
  WRENN_TRY(session.execute(kCreateLabel));
  WRENN_TRY(
      session.execute("INSERT INTO wrenn_backup (format, program, key_fingerprint, made_at) "
                      "VALUES ($1, $2, $3, $4)",
                      {kFormat, label.program, label.key_fingerprint, label.made_at}));
  return Backup{label, schema};
}

Result<void> check_whole(Database& database) {
  WRENN_TRY_ASSIGN(const auto rows, database.read().query("PRAGMA integrity_check(1)"));
  if (rows.size() == 1 && rows.front().text(0) == "ok") return {};
  return base::fail(Code::kDataLoss,
                    concat("the backup is damaged: ", rows.empty() ? "" : rows.front().text(0)),
                    "take an older one");
}

// Only who is alone with a database may take it out of the mode in which it has a log. It is one
// file then, and nobody has it open.
Result<void> close_for_good(const Path& path) {
  WRENN_TRY_ASSIGN(const auto connection, open_sqlite(path, Access::kWriteAlone));
  std::vector<Row> rows;
  const auto changed = connection->run("PRAGMA journal_mode=DELETE", {}, &rows);
  if (changed && !rows.empty() && rows.front().text(0) == "delete") return {};
  if (!changed && changed.error().code != Code::kUnavailable) return base::fail(changed.error());
  return base::fail(Code::kFailedPrecondition, concat("somebody uses ", path.native()),
                    "stop the control plane first: systemctl stop wrenn-cp, or wrenn down");
}

// A file without a byte, as SQLite leaves one that was only opened, is no database yet.
bool holds_something(const Path& database) {
  std::error_code error;
  const auto size = std::filesystem::file_size(database, error);
  return !error && size > 0;
}

Result<void> make_way(const Path& database, Existing existing) {
  if (!holds_something(database)) return {};
  if (existing == Existing::kSetAside) return close_for_good(database);
  return base::fail(Code::kAlreadyExists,
                    concat("there is a database already: ", database.native()),
                    "`--force` keeps it under another name and restores in its place");
}

Result<std::optional<Path>> set_aside(const Path& database) {
  if (!holds_something(database)) return std::nullopt;
  const Path aside(concat(database.native(), ".replaced-", base::unix_ms_now()));
  WRENN_TRY(move_file(database, aside));
  return aside;
}

}  // namespace

Result<bool> has_table(Database& database, std::string_view name) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database.read().query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
                            {std::string(name)}));
  return !rows.empty();
}

Result<Backup> back_up(const Path& database, const Path& target, const BackupLabel& label) {
  if (!is_there(database)) {
    return base::fail(Code::kNotFound, concat("there is no database at ", database.native()),
                      "say where it is: --dir, or --db");
  }
  if (is_there(target)) {
    return base::fail(Code::kAlreadyExists, concat(target.native(), " is there already"),
                      "choose another name, or remove it");
  }
  const Path directory = target.has_parent_path() ? target.parent_path() : Path(".");
  WRENN_TRY_ASSIGN(const auto work, base::TempDir::create(directory, ".wrenn-backup-"));
  const Path copy = work.path() / "copy";
  // An empty file is taken over, so it is private from its first moment.
  WRENN_TRY(make_private_file(copy));
  {
    WRENN_TRY_ASSIGN(Database source, Database::open(database));
    WRENN_TRY(source.write().execute("VACUUM INTO $1", {copy.native()}));
  }
  WRENN_TRY_ASSIGN(Backup made, write_label(copy, label));
  WRENN_TRY(sync_file(copy));
  WRENN_TRY(move_file(copy, target));
  WRENN_TRY(base::fsync_dir(directory));
  return made;
}

Result<Backup> inspect_backup(const Path& file) {
  auto database = Database::open(file);
  auto labelled = database ? has_table(*database, kLabelTable) : base::fail(database.error());
  if (!labelled && labelled.error().code != Code::kDataLoss) return base::fail(labelled.error());
  if (!labelled || !*labelled) {
    return base::fail(Code::kInvalidArgument, "this is no backup of Wrenn", kNoBackup);
  }
  WRENN_TRY(check_whole(*database));
  WRENN_TRY_ASSIGN(const auto rows,
                   database->read().query("SELECT format, program, key_fingerprint, made_at FROM "
                                          "wrenn_backup"));
  if (rows.size() != 1 || rows.front().integer(0) != kFormat) {
    return base::fail(Code::kFailedPrecondition, "the backup was made by another version of Wrenn",
                      "restore it with that one, then upgrade");
  }
  Backup backup;
  backup.label = {rows.front().text(1), rows.front().text(2), rows.front().integer(3)};
  WRENN_TRY_ASSIGN(backup.schema, schema_version(*database));
  return backup;
}

Result<std::optional<Path>> put_in_place(const Path& file, const Path& database,
                                         Existing existing) {
  const Path directory = database.parent_path();
  WRENN_TRY(make_way(database, existing));
  {
    WRENN_TRY_ASSIGN(Database copy, Database::open(file));
    WRENN_TRY(copy.write().execute("DROP TABLE wrenn_backup"));
  }
  WRENN_TRY(sync_file(file));
  WRENN_TRY(give_to_owner(file, directory));
  WRENN_TRY_ASSIGN(auto aside, set_aside(database));
  // A log without its database would be taken for that of the new one.
  for (const auto& left : companions(database)) WRENN_TRY(base::remove_tree(left));
  if (auto placed = move_file(file, database); !placed) {
    if (aside) (void)move_file(*aside, database);
    return base::fail(placed.error());
  }
  WRENN_TRY(base::fsync_dir(directory));
  return aside;
}

}  // namespace wrenn::db
