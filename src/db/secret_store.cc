#include "db/secret_store.h"

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kSecretBytes = 32;

std::string place_of(std::string_view name) {
  return concat("secrets/", name);
}

// As it was made: 64 hexadecimal digits.
Result<base::Secret> check(std::string_view name, base::Secret secret) {
  // A damaged one must not be used to sign with.
  const auto bytes = base::from_hex(secret.reveal());
  if (bytes && bytes->size() == kSecretBytes) return secret;
  return base::fail(Code::kDataLoss, concat("the secret '", name, "' in the database is damaged"),
                    "restore the database from a backup, or delete the row from the table "
                    "`secrets`: what was signed with it becomes invalid");
}

Result<base::Secret> open(const base::Sealer& sealer, std::string_view name,
                          std::string_view sealed) {
  auto opened = sealer.open(sealed, place_of(name));
  if (opened) return check(name, *std::move(opened));
  return base::fail(
      opened.error().code,
      concat("the secret '", name, "' in the database does not open with the encryption key here"),
      "give wrenn-cp the key that the installation began with (WRENN_ENCRYPTION_KEY, or the file "
      "control/encryption.key), the same to all that share a database; if it is lost, delete the "
      "rows of the table `secrets`: what was signed with them becomes invalid");
}

}  // namespace

Result<bool> SecretStore::has_sealed(Database& database) {
  WRENN_TRY_ASSIGN(const auto rows, database.read().query("SELECT value FROM secrets"));
  for (const auto& row : rows) {
    if (base::Sealer::is_sealed(row.text(0))) return true;
  }
  return false;
}

Result<void> SecretStore::check_key() {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query("SELECT name, value FROM secrets"));
  for (const auto& row : rows) {
    if (base::Sealer::is_sealed(row.text(1))) WRENN_TRY(open(sealer_, row.text(0), row.text(1)));
  }
  return {};
}

Result<void> SecretStore::seal_all() {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction,
                   Transaction::begin(session, TransactionKind::kExclusive));
  WRENN_TRY_ASSIGN(const auto rows, session.query("SELECT name, value FROM secrets"));
  for (const auto& row : rows) {
    const std::string& name = row.text(0);
    if (base::Sealer::is_sealed(row.text(1))) {
      WRENN_TRY(open(sealer_, name, row.text(1)));
      continue;
    }
    WRENN_TRY_ASSIGN(const auto plain, check(name, base::Secret(row.text(1))));
    WRENN_TRY(session.execute("UPDATE secrets SET value = $2 WHERE name = $1",
                              {name, sealer_.seal(plain.reveal(), place_of(name))}));
  }
  return transaction.commit();
}

Result<base::Secret> SecretStore::get_or_create(std::string_view name) {
  constexpr std::string_view kSelect = "SELECT value FROM secrets WHERE name = $1";
  WRENN_TRY_ASSIGN(auto rows, database_.read().query(kSelect, {std::string(name)}));
  if (rows.empty()) {
    // Of several that find none, the first one's is kept, and all read it back.
    Session session = database_.write();
    const std::string made = base::to_hex(base::random_bytes(kSecretBytes));
    WRENN_TRY(session.execute(
        "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        {std::string(name), sealer_.seal(made, place_of(name))}));
    WRENN_TRY_ASSIGN(rows, session.query(kSelect, {std::string(name)}));
  }
  if (rows.empty()) return base::fail(Code::kInternal, "the secret was not stored");
  return open(sealer_, name, rows.front().text(0));
}

}  // namespace wrenn::db
