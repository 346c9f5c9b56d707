#include "db/secret_store.h"

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kSecretBytes = 32;

Result<base::Secret> read_secret(std::string_view name, const Row& row) {
  // A damaged one must not be used to sign with.
  if (const auto bytes = base::from_hex(row.text(0)); bytes && bytes->size() == kSecretBytes) {
    return base::Secret(row.text(0));
  }
  return base::fail(Code::kDataLoss,
                    base::concat("the secret '", name, "' in the database is damaged"),
                    "restore the database from a backup, or delete the row from the table "
                    "`secrets`: what was signed with it becomes invalid");
}

}  // namespace

Result<base::Secret> SecretStore::get_or_create(std::string_view name) {
  constexpr std::string_view kSelect = "SELECT value FROM secrets WHERE name = $1";
  WRENN_TRY_ASSIGN(auto rows, database_.read().query(kSelect, {std::string(name)}));
  if (rows.empty()) {
    // Of several that find none, the first one's is kept, and all read it back.
    Session session = database_.write();
    WRENN_TRY(session.execute(
        "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        {std::string(name), base::to_hex(base::random_bytes(kSecretBytes))}));
    WRENN_TRY_ASSIGN(rows, session.query(kSelect, {std::string(name)}));
  }
  if (rows.empty()) return base::fail(Code::kInternal, "the secret was not stored");
  return read_secret(name, rows.front());
}

}  // namespace wrenn::db
