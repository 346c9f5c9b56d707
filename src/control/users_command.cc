#include "control/users_command.h"

#include <unistd.h>

#include "base/crypto.h"
#include "base/files.h"
#include "base/password.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/accounts/account_fields.h"
#include "control/accounts/accounts.h"
#include "control/command_audit.h"
#include "db/migrations.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;

// The database and what accounts need of it.
struct Opened {
  explicit Opened(db::Database opened) : database(std::move(opened)) {}

  db::Database database;
  AccountStores stores{database};
  // Nobody logs in here.
  AccessTokens access_tokens{[](std::string_view) -> Result<base::Secret> {
    return base::fail(base::Code::kInternal, "there are no access tokens here");
  }};
  Accounts accounts{stores, access_tokens, {}, [](const Mail&) -> Result<void> { return {}; }};
};

// 20 letters and digits that are not taken for each other: 100 bits.
base::Secret new_password() {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(kLetters.size() == 32);
  std::string text;
  for (const char byte : base::random_bytes(20)) {
    text += kLetters[static_cast<unsigned char>(byte) % kLetters.size()];
  }
  return base::Secret(text);
}

Result<void> print(const std::string& text) {
  return base::write_all(STDOUT_FILENO, text);
}

template <class T>
Result<T> for_people(Answer<T> answer) {
  if (!answer) return base::fail(base::Code::kFailedPrecondition, answer.error().message);
  return std::move(*answer);
}

}  // namespace

Result<void> create_user(const base::Secret& address, const UserRequest& request) {
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(address));
  Opened opened(std::move(database));
  if (request.is_only_first) {
    WRENN_TRY_ASSIGN(const auto users, opened.stores.users.list("", 1));
    if (!users.empty()) return {};
  }
  const base::Secret password = new_password();
  WRENN_TRY_ASSIGN(
      const db::User made,
      for_people(opened.accounts.create_user(
          request.email, request.name.empty() ? request.email : request.name, password)));
  note_command(opened.database, "user.create", "user", made.id);
  return print(concat(password.reveal(), "\n"));
}

Result<void> reset_user(const base::Secret& address, const std::string& email) {
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(address));
  Opened opened(std::move(database));
  WRENN_TRY_ASSIGN(const std::string normal, for_people(normal_email(email)));
  auto user = opened.stores.users.find_by_email(normal);
  if (!user && user.error().code == base::Code::kNotFound) {
    user.error().remedy = "`wrenn-cp user ls` lists all";
  }
  WRENN_TRY_ASSIGN(const db::User known, std::move(user));
  const base::Secret password = new_password();
  WRENN_TRY_ASSIGN(const base::Secret hash, base::hash_password(password));
  WRENN_TRY(opened.stores.users.set_password(known.id, hash));
  WRENN_TRY(opened.stores.sessions.end_all(known.id, ""));
  note_command(opened.database, "user.reset_password", "user", known.id);
  return print(concat(password.reveal(), "\n"));
}

Result<void> list_users(const base::Secret& address) {
  WRENN_TRY_ASSIGN(db::Database database, db::open_and_migrate(address));
  Opened opened(std::move(database));
  constexpr int kPage = 100;
  std::string after;
  while (true) {
    WRENN_TRY_ASSIGN(const auto users, opened.stores.users.list(after, kPage));
    std::string text;
    for (const db::User& user : users) {
      text += concat(user.id, "  ", db::status_name(user.status), user.is_admin ? "  admin" : "",
                     "  ", user.email, "  ", user.name, "\n");
    }
    WRENN_TRY(print(text));
    if (users.size() < kPage) return {};
    after = users.back().id;
  }
}

}  // namespace wrenn::control
