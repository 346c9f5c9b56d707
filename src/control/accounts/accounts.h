// Accounts: how people come to be users, log in, and get into teams. Blocking (passwords are hashed
// here) and thread-safe: call it from a pool of few threads.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "control/accounts/access_tokens.h"
#include "control/api/errors.h"
#include "control/mail/message.h"
#include "db/failed_login_store.h"
#include "db/identity_store.h"
#include "db/one_time_token_store.h"
#include "db/session_store.h"
#include "db/team_store.h"
#include "db/user_store.h"

namespace wrenn::control {

// As Mailer::send(). Thread-safe.
using SendMail = std::function<base::Result<void>(Mail)>;

struct AccountSettings {
  // Whether who has no invitation may sign up.
  bool is_signup_open = false;
  // Where people find the dashboard, without a slash at the end: what links in mails begin with.
  std::string public_url = "http://127.0.0.1:8080";
};

// Where people are kept. Blocking, thread-safe.
struct AccountStores {
  // The database must be migrated and outlive it.
  explicit AccountStores(db::Database& database)
      : users(database),
        teams(database),
        sessions(database),
        tokens(database),
        failed_logins(database),
        identities(database) {}
  // Forgets sessions, tokens, failed logins and states of logins that are of no effect any more.
  base::Result<void> clear_old();

  db::UserStore users;
  db::TeamStore teams;
  db::SessionStore sessions;
  db::OneTimeTokenStore tokens;
  db::FailedLoginStore failed_logins;
  db::IdentityStore identities;
};

struct SignUp {
  std::string email;
  std::string name;
  base::Secret password;
  std::string invitation;  // The token of one, or empty.
};

// What somebody has who logged in, or goes on with a session.
struct Login {
  db::User user;
  db::OwnTeam team;
  base::Secret access_token;
  std::int64_t access_expires_at = 0;
  // For the cookie; empty when the browser has a newer one, or keeps the one it has.
  base::Secret refresh_token;
  std::int64_t refresh_expires_at = 0;
};

class Accounts {
 public:
  // All outlive it.
  Accounts(AccountStores& stores, AccessTokens& access_tokens, AccountSettings settings,
           SendMail send_mail)
      : stores_(stores),
        access_tokens_(access_tokens),
        settings_(std::move(settings)),
        send_mail_(std::move(send_mail)) {}
  const AccountSettings& settings() const { return settings_; }
  AccountStores& stores() const { return stores_; }

  // Mails the address a link that activates the account. Whether it has one already is told by mail
  // only. With an invitation, which was mailed, the account is active at once.
  Answer<void> sign_up(const SignUp& wish, const std::string& address);
  // Whether somebody with this address may: with an invitation that was sent there, or where
  // sign-up is open. kInvalidToken, kForbidden.
  Answer<void> check_may_sign_up(const std::string& email, const std::string& invitation);
  // For one who is active, and has shown who they are.
  Answer<Login> start_session(db::User user, const db::SessionOrigin& origin);
  Answer<Login> activate(std::string_view token, const db::SessionOrigin& origin);
  Answer<Login> log_in(std::string_view email, const base::Secret& password,
                       const db::SessionOrigin& origin);
  Answer<Login> refresh(std::string_view refresh_token);
  Answer<Login> switch_team(std::string_view session_id, std::string_view user_id,
                            std::string_view team_id);
  // A new access token for a session, when what it says of its user has changed.
  Answer<Login> renew(std::string_view session_id, std::string_view user_id,
                      std::string_view team_id);

  // All other sessions of the user end. `current` is not looked at when there is no password yet.
  Answer<void> change_password(std::string_view user_id, std::string_view session_id,
                               const base::Secret& current, const base::Secret& chosen);
  // Mails a link, if somebody active has that address; nothing tells whether.
  Answer<void> ask_for_reset(std::string_view email, const std::string& address);
  // All sessions of the user end.
  Answer<void> reset_password(std::string_view token, const base::Secret& chosen);

  // Mails a link that makes who follows it a member.
  Answer<void> invite(const db::Team& team, const std::string& email, db::Role role,
                      const std::string& created_by);
  // The user must have the address that was invited.
  Answer<db::OwnTeam> accept_invitation(std::string_view token, std::string_view user_id);

  // One who is active at once, as the machine's administrator makes them; kConflict when there is
  // one with this address. The first administrator owns the platform's team.
  Answer<db::User> create_user(const std::string& email, const std::string& name,
                               const base::Secret& password);

 private:
  Answer<Login> with_access_token(Login login, std::string_view session_id);
  // The user's teams; when there is none one is made, so that there always is one.
  Answer<std::vector<db::OwnTeam>> teams_of(const db::User& user);
  Answer<void> send_activation(const db::User& user);
  // Whether another mail may go to this address now; counts it when it may.
  Answer<bool> may_mail(const std::string& email);
  Answer<void> check_not_locked(const std::string& subject);
  // One that cannot be sent is in the log; whoever waits for it can ask again.
  void send(Mail mail) const;
  void send_link(const std::string& to, std::string_view subject, std::string_view what_for,
                 std::string_view path, const base::Secret& token, std::string_view good_for) const;

  AccountStores& stores_;
  AccessTokens& access_tokens_;
  const AccountSettings settings_;
  const SendMail send_mail_;
};

}  // namespace wrenn::control
