// People who may log in. Blocking, thread-safe.
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

namespace wrenn::db {

enum class UserStatus : std::uint8_t {
  kInactive,  // Has not shown yet that the address of mail is theirs.
  kActive,
  kDisabled,  // By an administrator.
  kDeleted,
};
std::string_view status_name(UserStatus status);

struct User {
  std::string id;     // "usr-..."
  std::string email;  // In lower case.
  std::string name;
  base::Secret password_hash;  // Empty: no login by password.
  bool is_admin = false;       // Of the whole platform.
  UserStatus status = UserStatus::kActive;
  std::int64_t created_at = 0;
};

struct NewUser {
  std::string email;
  std::string name;
  base::Secret password_hash;
  UserStatus status = UserStatus::kInactive;
};

class UserStore {
 public:
  // The database must be migrated and outlive the store.
  explicit UserStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // The first one who is active becomes administrator of the platform; see also activate().
  // kAlreadyExists when the address belongs to somebody.
  base::Result<User> create(const NewUser& made);
  // kNotFound when there is none, or when they were deleted.
  base::Result<User> get(std::string_view id);
  base::Result<User> find_by_email(std::string_view email);
  // False when they were not inactive.
  base::Result<bool> activate(std::string_view id);
  // Of one who is still inactive: who signs up again. False when they are not.
  base::Result<bool> sign_up_again(std::string_view id, std::string_view name,
                                   const base::Secret& password_hash);
  base::Result<void> set_name(std::string_view id, std::string_view name);
  base::Result<void> set_password(std::string_view id, const base::Secret& password_hash);
  // Between active and disabled; false when they are neither.
  base::Result<bool> set_enabled(std::string_view id, bool enabled);
  // What tells who they were goes; their sessions, keys and memberships end. kFailedPrecondition
  // while they own a team.
  base::Result<void> remove(std::string_view id);
  // Active ones whose address begins with it, at most `limit`.
  base::Result<std::vector<User>> search(std::string_view email_prefix, int limit);
  // Oldest first, without deleted ones; `after` is the id of the last one that is known.
  base::Result<std::vector<User>> list(std::string_view after, int limit);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
