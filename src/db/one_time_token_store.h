// Tokens that are sent by mail and are good for one thing, once. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/role.h"

namespace wrenn::db {

enum class TokenPurpose : std::uint8_t { kActivation, kPasswordReset, kInvitation };

struct OneTimeToken {
  std::string id = {};       // "otk-...": what it is called by those who may not have it.
  std::string user_id = {};  // Whose account; empty for an invitation.
  std::string team_id = {};  // Of an invitation.
  std::string email = {};    // Where it was sent.
  Role role = Role::kMember;
  std::string created_by = {};  // A user id, or empty.
  std::int64_t created_at = 0;
  std::int64_t expires_at = 0;
};

class OneTimeTokenStore {
 public:
  // The database must be migrated and outlive the store.
  explicit OneTimeTokenStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // Good for `lifetime`. An earlier one for the same user, or the same address and team, is good no
  // more. `id` and the times of `what` are set here. The text of the token: 64 hexadecimal digits.
  base::Result<base::Secret> issue(TokenPurpose purpose, OneTimeToken what,
                                   base::Duration lifetime);
  // Uses it up. kNotFound when it was never issued, was used, or has expired: one answer for all.
  base::Result<OneTimeToken> use(TokenPurpose purpose, std::string_view token);
  // Without using it up.
  base::Result<OneTimeToken> peek(TokenPurpose purpose, std::string_view token);
  // Whether the user has one that can be used.
  base::Result<bool> is_open(TokenPurpose purpose, std::string_view user_id);
  // A team's invitations that are open, newest first.
  base::Result<std::vector<OneTimeToken>> invitations(std::string_view team_id);
  // False when the team has no such invitation.
  base::Result<bool> withdraw(std::string_view team_id, std::string_view id);
  // Forgets those that are good for nothing any more.
  base::Result<void> clear_old();

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
