#include "control/accounts/accounts.h"

#include "base/log.h"
#include "base/password.h"
#include "base/strings.h"
#include "control/accounts/account_fields.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using db::TokenPurpose;
using db::UserStatus;

constexpr auto kActivationLifetime = std::chrono::minutes(30);
constexpr auto kResetLifetime = std::chrono::minutes(15);
constexpr auto kInvitationLifetime = std::chrono::hours(7 * 24);
constexpr std::int64_t kFreeMails = 3;

std::string by_email(std::string_view email) {
  return concat("email:", email);
}
std::string by_address(std::string_view address) {
  return concat("address:", address);
}

ApiError wrong_login() {
  return {ApiCode::kUnauthorized,
          "the address or the password is wrong; POST /v1/me/password/reset sends a link for a "
          "new password"};
}
ApiError invalid_token() {
  return {ApiCode::kInvalidToken,
          "the token is not valid: it was used already, has expired or is mistyped; "
          "ask for a new one"};
}
ApiError session_ended() {
  return {ApiCode::kUnauthorized, "the session has ended; log in again"};
}

// The value; a thing that is not there becomes `missing`.
template <class T>
Answer<T> found_or(base::Result<T> result, const ApiError& missing) {
  if (!result && result.error().code == Code::kNotFound) return std::unexpected(missing);
  return db_answer(std::move(result));
}

}  // namespace

base::Result<void> AccountStores::clear_old() {
  WRENN_TRY(sessions.clear_old());
  WRENN_TRY(tokens.clear_old());
  WRENN_TRY(identities.clear_old());
  return failed_logins.clear_old();
}

Answer<void> Accounts::check_not_locked(const std::string& subject) {
  API_TRY_ASSIGN(const std::int64_t wait, db_answer(stores_.failed_logins.locked_for(subject)));
  if (wait == 0) return {};
  const std::int64_t seconds = (wait + 999) / 1000;
  return std::unexpected(
      ApiError{.code = ApiCode::kTooMany,
               .message = concat("too many attempts; try again in ", seconds, " s"),
               .detail = {},
               .retry_after_sec = seconds});
}

Answer<bool> Accounts::may_mail(const std::string& email) {
  const std::string subject = concat("mail:", email);
  API_TRY_ASSIGN(const std::int64_t wait, db_answer(stores_.failed_logins.locked_for(subject)));
  if (wait > 0) {
    base::log_warn("no further mail is sent to an address for a while", {{"wait_ms", wait}});
    return false;
  }
  API_TRY(db_answer(stores_.failed_logins.note(subject, kFreeMails)));
  return true;
}

void Accounts::send(Mail mail) const {
  if (auto sent = send_mail_(std::move(mail)); !sent) {
    base::log_error("a mail cannot be sent", {{"error", sent.error()}});
  }
}

void Accounts::send_link(const std::string& to, std::string_view subject, std::string_view what_for,
                         std::string_view path, const base::Secret& token,
                         std::string_view good_for) const {
  send({.to = to,
        .subject = std::string(subject),
        .text = concat(what_for, "\n\n  ", settings_.public_url, path, "?token=", token.reveal(),
                       "\n\nThe link is good for ", good_for,
                       ", once. If you did not ask for it, there is nothing to do.\n")});
}

Answer<void> Accounts::send_activation(const db::User& user) {
  API_TRY_ASSIGN(const bool may, may_mail(user.email));
  if (!may) return {};
  API_TRY_ASSIGN(const auto token,
                 db_answer(stores_.tokens.issue(TokenPurpose::kActivation,
                                                {.user_id = user.id, .email = user.email},
                                                kActivationLifetime)));
  send_link(user.email, "Activate your Wrenn account",
            "Follow this link to activate your account at Wrenn:", "/activate", token,
            "30 minutes");
  return {};
}

Answer<void> Accounts::check_may_sign_up(const std::string& email, const std::string& invitation) {
  if (invitation.empty()) {
    if (settings_.is_signup_open) return {};
    return refuse(ApiCode::kForbidden,
                  "sign-up here needs an invitation; ask somebody who has a team, or the "
                  "administrator");
  }
  API_TRY_ASSIGN(
      const auto found,
      found_or(stores_.tokens.peek(TokenPurpose::kInvitation, invitation), invalid_token()));
  if (found.email == email) return {};
  return refuse(ApiCode::kInvalidToken, "the invitation was sent to another address");
}

Answer<void> Accounts::sign_up(const SignUp& wish, const std::string& address) {
  API_TRY_ASSIGN(const std::string email, normal_email(wish.email));
  API_TRY_ASSIGN(const std::string name, normal_person_name(wish.name));
  API_TRY(check_new_password(wish.password));
  API_TRY(check_not_locked(by_address(address)));
  API_TRY(check_may_sign_up(email, wish.invitation));
  const bool is_invited = !wish.invitation.empty();
  // Signing up costs as much as a failed login: it is what somebody who tries addresses does.
  API_TRY(db_answer(stores_.failed_logins.note(by_address(address), db::kFreeFailuresPerAddress)));
  auto hash = base::hash_password(wish.password);
  if (!hash) return refuse(ApiCode::kInternalError, hash.error().message);

  auto known = stores_.users.find_by_email(email);
  if (!known && known.error().code != Code::kNotFound) {
    return std::unexpected(from_db(known.error()));
  }
  if (!known) {
    auto made = stores_.users.create(
        {.email = email, .name = name, .password_hash = *hash, .status = UserStatus::kInactive});
    // Somebody else was quicker: they get the mail.
    if (!made && made.error().code == Code::kAlreadyExists) return {};
    API_TRY_ASSIGN(known, db_answer(std::move(made)));
  } else if (known->status != UserStatus::kInactive) {
    API_TRY_ASSIGN(const bool may, may_mail(email));
    if (may) {
      send({.to = email,
            .subject = "You have a Wrenn account already",
            .text = concat("Somebody wanted to sign up with your address, which has an "
                           "account already. Log in, or set a new password, here:\n\n  ",
                           settings_.public_url, "/login\n")});
    }
    return {};
  } else {
    // What was said first stands while its link is good: nobody else's password gets activated by
    // the one who waits for the mail.
    API_TRY_ASSIGN(const bool is_open,
                   db_answer(stores_.tokens.is_open(TokenPurpose::kActivation, known->id)));
    if (is_open && !is_invited) return {};
    API_TRY(db_answer(stores_.users.sign_up_again(known->id, name, *hash)));
  }
  if (!is_invited) return send_activation(*known);
  API_TRY(db_answer(stores_.users.activate(known->id)));
  API_TRY(accept_invitation(wish.invitation, known->id));
  return {};
}

Answer<Login> Accounts::activate(std::string_view token, const db::SessionOrigin& origin) {
  API_TRY_ASSIGN(const auto used,
                 found_or(stores_.tokens.use(TokenPurpose::kActivation, token), invalid_token()));
  API_TRY(db_answer(stores_.users.activate(used.user_id)));
  API_TRY_ASSIGN(auto user, found_or(stores_.users.get(used.user_id), invalid_token()));
  if (user.status != UserStatus::kActive) return std::unexpected(invalid_token());
  return start_session(std::move(user), origin);
}

Answer<Login> Accounts::log_in(std::string_view email_text, const base::Secret& password,
                               const db::SessionOrigin& origin) {
  API_TRY_ASSIGN(const std::string email, normal_email(email_text));
  API_TRY(check_not_locked(by_address(origin.address)));
  API_TRY(check_not_locked(by_email(email)));
  auto user = stores_.users.find_by_email(email);
  if (!user && user.error().code != Code::kNotFound) {
    return std::unexpected(from_db(user.error()));
  }
  const base::Secret hash = user ? user->password_hash : base::Secret();
  if (!base::verify_password(hash, password)) {
    API_TRY(db_answer(stores_.failed_logins.note(by_email(email), db::kFreeFailuresPerUser)));
    API_TRY(db_answer(
        stores_.failed_logins.note(by_address(origin.address), db::kFreeFailuresPerAddress)));
    return std::unexpected(wrong_login());
  }
  if (user->status == UserStatus::kInactive) {
    return refuse(ApiCode::kAccountNotActivated,
                  "the account is not activated yet: follow the link in the mail, or sign up "
                  "again for a new one");
  }
  if (user->status != UserStatus::kActive) {
    return refuse(ApiCode::kAccountDisabled, "the account was disabled by an administrator");
  }
  API_TRY(db_answer(stores_.failed_logins.clear(by_email(email))));
  return start_session(*std::move(user), origin);
}

Answer<std::vector<db::OwnTeam>> Accounts::teams_of(const db::User& user) {
  API_TRY_ASSIGN(auto teams, db_answer(stores_.teams.of_user(user.id)));
  if (!teams.empty()) return teams;
  if (user.is_admin) {
    API_TRY_ASSIGN(const auto members, db_answer(stores_.teams.members(db::kDefaultTeam)));
    if (members.empty()) {
      auto added = stores_.teams.add_member(db::kDefaultTeam, user.id, db::Role::kOwner);
      if (!added && added.error().code != Code::kAlreadyExists) {
        return std::unexpected(from_db(added.error()));
      }
    }
  }
  API_TRY_ASSIGN(teams, db_answer(stores_.teams.of_user(user.id)));
  if (!teams.empty()) return teams;
  API_TRY_ASSIGN(auto made, db_answer(stores_.teams.create(concat(user.name, "'s Team"), user.id)));
  return std::vector{db::OwnTeam{std::move(made), db::Role::kOwner}};
}

Answer<Login> Accounts::start_session(db::User user, const db::SessionOrigin& origin) {
  API_TRY_ASSIGN(auto teams, teams_of(user));
  API_TRY_ASSIGN(auto session,
                 db_answer(stores_.sessions.start(user.id, teams.front().team.id, origin)));
  return with_access_token({.user = std::move(user),
                            .team = std::move(teams.front()),
                            .access_token = {},
                            .refresh_token = std::move(session.refresh_token),
                            .refresh_expires_at = session.expires_at},
                           session.id);
}

Answer<Login> Accounts::with_access_token(Login login, std::string_view session_id) {
  AccessClaims claims{.user_id = login.user.id,
                      .session_id = std::string(session_id),
                      .team_id = login.team.team.id};
  API_TRY_ASSIGN(login.access_token, db_answer(access_tokens_.issue(claims)));
  login.access_expires_at = claims.expires_at;
  return login;
}

Answer<Login> Accounts::renew(std::string_view session_id, std::string_view user_id,
                              std::string_view team_id) {
  API_TRY_ASSIGN(auto user, found_or(stores_.users.get(user_id), session_ended()));
  if (user.status != UserStatus::kActive) return std::unexpected(session_ended());
  API_TRY_ASSIGN(const auto teams, teams_of(user));
  // One that they have left since: another takes its place.
  db::OwnTeam team = teams.front();
  for (const auto& one : teams) {
    if (one.team.id == team_id) team = one;
  }
  if (team.team.id != team_id) {
    API_TRY(db_answer(stores_.sessions.set_team(session_id, team.team.id)));
  }
  return with_access_token({.user = std::move(user),
                            .team = std::move(team),
                            .access_token = {},
                            .refresh_token = {},
                            .refresh_expires_at = 0},
                           session_id);
}

Answer<Login> Accounts::refresh(std::string_view refresh_token) {
  auto refreshed = stores_.sessions.refresh(refresh_token);
  if (!refreshed && refreshed.error().code == Code::kUnauthenticated) {
    return std::unexpected(session_ended());
  }
  API_TRY_ASSIGN(db::Refreshed known, db_answer(std::move(refreshed)));
  API_TRY_ASSIGN(Login login,
                 renew(known.session.id, known.session.user_id, known.session.team_id));
  if (known.outcome == db::RefreshOutcome::kRefreshed) {
    login.refresh_token = std::move(known.next.refresh_token);
    login.refresh_expires_at = known.next.expires_at;
  }
  return login;
}

Answer<Login> Accounts::switch_team(std::string_view session_id, std::string_view user_id,
                                    std::string_view team_id) {
  API_TRY(found_or(stores_.teams.get(team_id), {ApiCode::kNotFound, "there is no such team"}));
  API_TRY_ASSIGN(const auto role, db_answer(stores_.teams.role_of(team_id, user_id)));
  if (!role) return refuse(ApiCode::kForbidden, "you are not a member of this team");
  API_TRY(db_answer(stores_.sessions.set_team(session_id, team_id)));
  return renew(session_id, user_id, team_id);
}

Answer<void> Accounts::change_password(std::string_view user_id, std::string_view session_id,
                                       const base::Secret& current, const base::Secret& chosen) {
  API_TRY(check_new_password(chosen));
  API_TRY_ASSIGN(const auto user, found_or(stores_.users.get(user_id), session_ended()));
  API_TRY(check_not_locked(by_email(user.email)));
  if (!user.password_hash.empty() && !base::verify_password(user.password_hash, current)) {
    API_TRY(db_answer(stores_.failed_logins.note(by_email(user.email), db::kFreeFailuresPerUser)));
    return refuse(ApiCode::kWrongPassword, "'current_password' is not the current password");
  }
  auto hash = base::hash_password(chosen);
  if (!hash) return refuse(ApiCode::kInternalError, hash.error().message);
  API_TRY(db_answer(stores_.users.set_password(user_id, *hash)));
  return db_answer(stores_.sessions.end_all(user_id, session_id));
}

Answer<void> Accounts::ask_for_reset(std::string_view email_text, const std::string& address) {
  API_TRY_ASSIGN(const std::string email, normal_email(email_text));
  API_TRY(check_not_locked(by_address(address)));
  API_TRY(db_answer(stores_.failed_logins.note(by_address(address), db::kFreeFailuresPerAddress)));
  const auto user = stores_.users.find_by_email(email);
  if (!user && user.error().code == Code::kNotFound) return {};
  if (!user) return std::unexpected(from_db(user.error()));
  if (user->status != UserStatus::kActive) return {};
  API_TRY_ASSIGN(const bool may, may_mail(email));
  if (!may) return {};
  API_TRY_ASSIGN(const auto token, db_answer(stores_.tokens.issue(
                                       TokenPurpose::kPasswordReset,
                                       {.user_id = user->id, .email = email}, kResetLifetime)));
  send_link(email, "Set a new password for Wrenn",
            "Follow this link to set a new password:", "/reset-password", token, "15 minutes");
  return {};
}

Answer<void> Accounts::reset_password(std::string_view token, const base::Secret& chosen) {
  API_TRY(check_new_password(chosen));
  API_TRY_ASSIGN(const auto used, found_or(stores_.tokens.use(TokenPurpose::kPasswordReset, token),
                                           invalid_token()));
  auto hash = base::hash_password(chosen);
  if (!hash) return refuse(ApiCode::kInternalError, hash.error().message);
  API_TRY(db_answer(stores_.users.set_password(used.user_id, *hash)));
  API_TRY(db_answer(stores_.failed_logins.clear(by_email(used.email))));
  return db_answer(stores_.sessions.end_all(used.user_id, ""));
}

Answer<void> Accounts::invite(const db::Team& team, const std::string& email_text, db::Role role,
                              const std::string& created_by) {
  API_TRY_ASSIGN(const std::string email, normal_email(email_text));
  API_TRY_ASSIGN(const bool may, may_mail(email));
  if (!may) {
    return refuse(ApiCode::kTooMany, "this address has had several mails just now; wait a while");
  }
  API_TRY_ASSIGN(const auto token,
                 db_answer(stores_.tokens.issue(
                     TokenPurpose::kInvitation,
                     {.team_id = team.id, .email = email, .role = role, .created_by = created_by},
                     kInvitationLifetime)));
  send_link(
      email, concat("Join ", team.name, " at Wrenn"),
      concat("You are invited to the team ", team.name, " at Wrenn. Follow this link to join it:"),
      "/invitation", token, "seven days");
  return {};
}

Answer<db::OwnTeam> Accounts::accept_invitation(std::string_view token, std::string_view user_id) {
  API_TRY_ASSIGN(const auto invitation,
                 found_or(stores_.tokens.peek(TokenPurpose::kInvitation, token), invalid_token()));
  API_TRY_ASSIGN(const auto user, found_or(stores_.users.get(user_id), session_ended()));
  if (user.email != invitation.email) {
    return refuse(ApiCode::kInvalidToken, "the invitation was sent to another address");
  }
  API_TRY(found_or(stores_.tokens.use(TokenPurpose::kInvitation, token), invalid_token()));
  auto added = stores_.teams.add_member(invitation.team_id, user_id, invitation.role);
  if (!added && added.error().code != Code::kAlreadyExists) {
    return std::unexpected(from_db(added.error()));
  }
  API_TRY_ASSIGN(auto team, found_or(stores_.teams.get(invitation.team_id), invalid_token()));
  return db::OwnTeam{std::move(team), invitation.role};
}

Answer<db::User> Accounts::create_user(const std::string& email_text, const std::string& name_text,
                                       const base::Secret& password) {
  API_TRY_ASSIGN(const std::string email, normal_email(email_text));
  API_TRY_ASSIGN(const std::string name, normal_person_name(name_text));
  API_TRY(check_new_password(password));
  auto hash = base::hash_password(password);
  if (!hash) return refuse(ApiCode::kInternalError, hash.error().message);
  auto made = stores_.users.create({.email = email,
                                    .name = name,
                                    .password_hash = *std::move(hash),
                                    .status = UserStatus::kActive});
  if (!made && made.error().code == Code::kAlreadyExists) {
    return refuse(ApiCode::kConflict, concat("there is a user ", email, " already"));
  }
  API_TRY_ASSIGN(auto user, db_answer(std::move(made)));
  API_TRY(teams_of(user));
  return user;
}

}  // namespace wrenn::control
