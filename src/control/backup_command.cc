#include "control/backup_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/strings.h"
#include "base/time.h"
#include "db/backup.h"
#include "db/migrations.h"
#include "db/secret_store.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Path;
using base::Result;

constexpr std::string_view kStandard = "-";

Result<void> say(const std::string& text) {
  return base::write_all(STDERR_FILENO, concat(text, "\n"));
}

Result<Path> file_of(const base::Secret& database) {
  if (!db::is_postgres(database)) return Path(database.reveal());
  return base::fail(Code::kFailedPrecondition,
                    "the database is PostgreSQL's, which has tools of its own for this",
                    "pg_dump --format=custom saves it and pg_restore brings it back: "
                    "docs/install.md");
}

// To the end of `from`.
Result<void> copy_all(int from, int to, std::string_view what) {
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n == 0) return {};
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, concat("cannot read ", what));
    WRENN_TRY(base::write_all(to, {buffer.data(), static_cast<std::size_t>(n)}));
  }
}

// Names the key that opens what is sealed in the database; "" when nothing is.
Result<std::string> key_of(const Path& file, const EncryptionKeyPlace& place) {
  WRENN_TRY_ASSIGN(db::Database database, db::Database::open(file));
  WRENN_TRY_ASSIGN(const bool has_secrets, db::has_table(database, "secrets"));
  if (!has_secrets) return std::string();
  WRENN_TRY_ASSIGN(const bool has_sealed, db::SecretStore::has_sealed(database));
  if (!has_sealed) return std::string();
  WRENN_TRY_ASSIGN(base::Sealer sealer, load_sealer(place, MissingKey::kIsRefused));
  const std::string fingerprint = sealer.fingerprint();
  WRENN_TRY(db::SecretStore(database, std::move(sealer)).check_key());
  return fingerprint;
}

base::Error with_waiver(base::Error error) {
  error.remedy += error.remedy.empty() ? "" : "; ";
  error.remedy += "--without-key goes on all the same, and what is sealed is lost then";
  return error;
}

std::string about_key(const std::string& fingerprint, const EncryptionKeyPlace& place) {
  if (fingerprint.empty()) return "No key is known for what may be sealed in it.";
  // A credential is shown to a service where nobody else finds it.
  const std::string where = place.digits ? "the value of WRENN_ENCRYPTION_KEY"
                            : place.guard == KeyGuard::kServiceManager
                                ? "the file of the credential encryption.key"
                                : place.file.native();
  return concat("What is sealed in it opens with the encryption key ", fingerprint,
                " alone, which is not in it: keep ", where, " too, and elsewhere.");
}

// Standard output takes no database that is still being written.
Result<db::Backup> copy_to_output(const Path& database, const db::BackupLabel& label) {
  if (::isatty(STDOUT_FILENO) == 1) {
    return base::fail(Code::kInvalidArgument, "a backup is no text for a terminal",
                      "send it into a file: wrenn-cp backup - >FILE");
  }
  WRENN_TRY_ASSIGN(const auto work,
                   base::TempDir::create(database.parent_path(), ".wrenn-backup-"));
  const Path copy = work.path() / "backup";
  WRENN_TRY_ASSIGN(const db::Backup made, db::back_up(database, copy, label));
  WRENN_TRY_ASSIGN(const base::Fd in, base::open_file(copy, O_RDONLY));
  WRENN_TRY(copy_all(in.get(), STDOUT_FILENO, "the copy"));
  return made;
}

// A copy of our own, which is opened, changed and renamed.
Result<void> fetch(const std::string& from, const Path& to) {
  WRENN_TRY_ASSIGN(const base::Fd out, base::open_file(to, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (from == kStandard) return copy_all(STDIN_FILENO, out.get(), "standard input");
  WRENN_TRY_ASSIGN(const base::Fd in, base::open_file(from, O_RDONLY));
  return copy_all(in.get(), out.get(), from);
}

Result<void> check_key(const Path& copy, const db::BackupLabel& label,
                       const EncryptionKeyPlace& place) {
  const std::string needed =
      label.key_fingerprint.empty()
          ? std::string()
          : concat("; the backup needs the one with the fingerprint ", label.key_fingerprint);
  auto here = key_of(copy, place);
  if (!here) {
    base::Error error = std::move(here).error();
    error.message += needed;
    return base::fail(with_waiver(std::move(error)));
  }
  return {};
}

}  // namespace

Result<void> back_up(const BackupRequest& request) {
  WRENN_TRY_ASSIGN(const Path database, file_of(request.database));
  db::BackupLabel label{
      .program = WRENN_VERSION, .key_fingerprint = "", .made_at = base::unix_ms_now()};
  std::error_code ignored;
  if (std::filesystem::exists(database, ignored)) {
    auto key = key_of(database, request.key);
    if (!key && request.key_demand == KeyDemand::kNeeded) {
      return base::fail(with_waiver(std::move(key).error()));
    }
    label.key_fingerprint = key.value_or("");
  }
  WRENN_TRY_ASSIGN(const db::Backup made, request.file == kStandard
                                              ? copy_to_output(database, label)
                                              : db::back_up(database, request.file, label));
  return say(concat("Saved the database (schema ", made.schema, ") to ",
                    request.file == kStandard ? "standard output" : request.file, ".\n",
                    about_key(label.key_fingerprint, request.key)));
}

Result<void> restore(const BackupRequest& request) {
  WRENN_TRY_ASSIGN(const Path database, file_of(request.database));
  WRENN_TRY(base::make_dirs(database.parent_path(), 0700));
  WRENN_TRY_ASSIGN(const auto work,
                   base::TempDir::create(database.parent_path(), ".wrenn-restore-"));
  const Path copy = work.path() / "copy";
  WRENN_TRY(fetch(request.file, copy));
  WRENN_TRY_ASSIGN(const db::Backup backup, db::inspect_backup(copy));
  if (request.key_demand == KeyDemand::kNeeded) {
    WRENN_TRY(check_key(copy, backup.label, request.key));
  }
  WRENN_TRY_ASSIGN(const auto aside, db::put_in_place(copy, database,
                                                      request.replaces ? db::Existing::kSetAside
                                                                       : db::Existing::kRefused));
  WRENN_TRY(say(concat("Restored ", database.native(), ", as it was at ",
                       base::rfc3339(backup.label.made_at), " (schema ", backup.schema,
                       ", by version ", backup.label.program, ").")));
  if (!aside) return {};
  return say(concat("The database that was there is ", aside->native(), " now."));
}

}  // namespace wrenn::control
