// Sessions: one per login. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
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

// From where somebody logged in, as they say themselves.
struct SessionOrigin {
  std::string user_agent;  // Cut to 256 bytes.
  std::string address;
};

struct NewSession {
  std::string id;  // "ses-..."
  // Good for one refresh. Only here: the database has its hash.
  base::Secret refresh_token;
  std::int64_t expires_at = 0;
};

struct UserSession {
  std::string id;
  std::string user_id;
  std::string team_id;
  SessionOrigin origin;
  std::int64_t created_at = 0;
  std::int64_t refreshed_at = 0;
  std::int64_t expires_at = 0;
};

// Who calls with a session, as the database has it at this moment.
struct SessionUser {
  std::string user_id;
  std::string email;
  std::string name;
  bool is_admin = false;
  bool is_enabled = true;
  // In the team asked for; nothing when they are not, or no more, a member.
  std::optional<Role> role;
};

enum class RefreshOutcome : std::uint8_t {
  kRefreshed,
  // Another request has refreshed it a moment ago, with the same token: its answer has the new one.
  kJustRefreshed,
};
struct Refreshed {
  RefreshOutcome outcome = RefreshOutcome::kRefreshed;
  UserSession session;
  NewSession next;  // With kRefreshed.
};

class SessionStore {
 public:
  // The database must be migrated and outlive the store.
  explicit SessionStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  base::Result<NewSession> start(std::string_view user_id, std::string_view team_id,
                                 const SessionOrigin& origin);
  // Nothing when the session has ended.
  base::Result<std::optional<SessionUser>> find_user(std::string_view session_id,
                                                     std::string_view team_id);
  // kUnauthenticated when the token is not that of a session that goes on. One that was used
  // before, longer than seconds ago, was stolen, by whichever side comes second: the session ends.
  base::Result<Refreshed> refresh(std::string_view refresh_token);
  base::Result<void> set_team(std::string_view session_id, std::string_view team_id);
  // False when the user has no such session.
  base::Result<bool> end(std::string_view user_id, std::string_view session_id);
  // All of the user's but `kept`, which may be empty.
  base::Result<void> end_all(std::string_view user_id, std::string_view kept);
  // Those that go on, newest first.
  base::Result<std::vector<UserSession>> list(std::string_view user_id);
  // Forgets those that ended long ago.
  base::Result<void> clear_old();

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
