#include "db/authority_store.h"

#include "base/strings.h"

namespace wrenn::db {

using base::Code;
using base::concat;
using base::Result;

Result<KeptAuthority> AuthorityStore::get_or_create(
    std::string_view name, const std::function<Result<KeptAuthority>()>& make) {
  constexpr std::string_view kSelect =
      "SELECT certificate, sealed_key FROM authorities WHERE name = $1";
  const std::string place = concat("authorities/", name);
  WRENN_TRY_ASSIGN(auto rows, database_.read().query(kSelect, {std::string(name)}));
  if (rows.empty()) {
    WRENN_TRY_ASSIGN(const KeptAuthority made, make());
    // Of several that find none, the first one's is kept, and all read it back.
    Session session = database_.write();
    WRENN_TRY(session.execute(
        "INSERT INTO authorities (name, certificate, sealed_key, created_at) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING",
        {std::string(name), made.certificate, sealer_.seal(made.key.reveal(), place), clock_()}));
    WRENN_TRY_ASSIGN(rows, session.query(kSelect, {std::string(name)}));
  }
  if (rows.empty()) return base::fail(Code::kInternal, "the authority was not stored");
  auto key = sealer_.open(rows.front().text(1), place);
  if (!key) {
    return base::fail(
        key.error().code,
        concat("the key of the authority '", name,
               "' in the database does not open with the encryption key here"),
        "give wrenn-cp the key that the installation began with (WRENN_ENCRYPTION_KEY, or the file "
        "control/encryption.key); if it is lost, delete the row from the table `authorities`: "
        "every host has to be added anew");
  }
  return KeptAuthority{rows.front().text(0), *std::move(key)};
}

}  // namespace wrenn::db
