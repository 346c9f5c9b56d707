#include "control/keys_command.h"

#include <unistd.h>

#include "base/strings.h"
#include "base/time.h"
#include "control/command_audit.h"
#include "db/api_key_store.h"
#include "db/migrations.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;

Result<void> print(const std::string& text) {
  return base::write_all(STDOUT_FILENO, text);
}

}  // namespace

Result<void> create_key(const base::Secret& address, const std::string& name) {
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(address));
  WRENN_TRY_ASSIGN(const auto created,
                   db::ApiKeyStore(database).create(db::kDefaultTeam, {.name = name}));
  note_command(database, "api_key.create", "api_key", created.key.id);
  return print(concat(created.text.reveal(), "\n"));
}

Result<void> list_keys(const base::Secret& address) {
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(address));
  WRENN_TRY_ASSIGN(const auto keys, db::ApiKeyStore(database).list(db::kDefaultTeam));
  std::string text;
  for (const auto& key : keys) {
    text += concat(key.id, "  ", key.key_prefix, "...  created ", base::rfc3339(key.created_at),
                   "  last used ", key.last_used_at ? base::rfc3339(*key.last_used_at) : "never",
                   "  ", key.name, "\n");
  }
  return print(text);
}

Result<void> revoke_key(const base::Secret& address, const std::string& id) {
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(address));
  auto revoked = db::ApiKeyStore(database).revoke(db::kDefaultTeam, id);
  if (!revoked && revoked.error().code == base::Code::kNotFound) {
    revoked.error().remedy = "`wrenn-cp key ls` lists the ids";
  }
  if (revoked) note_command(database, "api_key.revoke", "api_key", id);
  return revoked;
}

}  // namespace wrenn::control
