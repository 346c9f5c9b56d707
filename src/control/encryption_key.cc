#include "control/encryption_key.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr const char* kVariable = "WRENN_ENCRYPTION_KEY";
constexpr const char* kCredentials = "CREDENTIALS_DIRECTORY";  // systemd.exec(5)
constexpr std::size_t kMaxFile = 1024;

// There is a whole one at once, or none; one that is there stays.
Result<void> make_file(const base::Path& file) {
  WRENN_TRY(base::make_dirs(file.parent_path(), 0700));
  WRENN_TRY_ASSIGN(const auto dir, base::TempDir::create(file.parent_path(), "key-"));
  const base::Path made = dir.path() / "key";
  WRENN_TRY(base::write_file_atomic(
      made, concat(base::to_hex(base::random_bytes(base::kSealKeyBytes)), "\n"), 0600));
  std::error_code error;
  std::filesystem::create_hard_link(made, file, error);
  if (error == std::errc::file_exists) return {};
  if (error) return base::fail_errno(error.value(), concat("cannot make ", file.native()));
  WRENN_TRY(base::fsync_dir(file.parent_path()));
  base::log_info("an encryption key was made; keep a copy apart from the database's backups",
                 {{"file", file.native()}});
  return {};
}

Result<base::Sealer> read_key(const base::Path& file, KeyGuard guard) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) {
    return base::fail_errno(errno, concat("cannot read ", file.native()));
  }
  if (guard == KeyGuard::kMode && (info.st_mode & 077) != 0) {
    return base::fail(Code::kFailedPrecondition,
                      concat("others may read the encryption key in ", file.native()),
                      concat("`chmod 600 ", file.native(), "`"));
  }
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(file, kMaxFile));
  auto key = base::seal_key_from_hex(base::trim(text));
  if (!key) {
    return base::fail(Code::kFailedPrecondition,
                      concat(file.native(), " holds no encryption key: 64 hexadecimal digits"),
                      "restore it from a backup");
  }
  return base::Sealer::create(*std::move(key));
}

}  // namespace

Result<base::Sealer> load_sealer(const EncryptionKeyPlace& place, MissingKey missing) {
  if (place.digits) {
    auto key = base::seal_key_from_hex(*place.digits);
    if (key) return base::Sealer::create(*std::move(key));
    return base::fail(Code::kInvalidArgument,
                      concat(kVariable, " must be exactly 64 hexadecimal digits"),
                      "`openssl rand -hex 32` makes one; without the variable a key is kept in "
                      "control/encryption.key");
  }
  std::error_code error;
  if (!std::filesystem::exists(place.file, error) && !error) {
    if (missing == MissingKey::kIsRefused) {
      return base::fail(
          Code::kFailedPrecondition,
          concat("the database holds sealed values, and their key is not here: there is no ",
                 place.file.native(), " and no ", kVariable),
          "bring the key back; wrenn-cp that share a database need the same. If it is lost, delete "
          "the rows of the table `secrets`: what was signed with them becomes invalid");
    }
    WRENN_TRY(make_file(place.file));
  }
  return read_key(place.file, place.guard);
}

EncryptionKeyPlace encryption_key_place(const base::Path& wrenn_dir) {
  const char* digits = std::getenv(kVariable);
  EncryptionKeyPlace place{
      .digits = digits == nullptr ? std::nullopt : std::optional<std::string>(digits),
      .file = wrenn_dir / "control" / "encryption.key"};
  const char* credentials = std::getenv(kCredentials);
  if (credentials == nullptr) return place;
  const base::Path credential = base::Path(credentials) / "encryption.key";
  std::error_code ignored;
  if (std::filesystem::exists(credential, ignored)) {
    place.file = credential;
    place.guard = KeyGuard::kServiceManager;
  }
  return place;
}

}  // namespace wrenn::control
