// Who users are at providers of identity, such as GitHub. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

struct Identity {
  std::string provider;     // "github"
  std::string provider_id;  // What it calls them; never given to anybody else.
  std::string user_id;
  std::string email;  // When it was joined to the account.
  std::int64_t created_at = 0;
};

enum class Unlinked : std::uint8_t { kDone, kWasNotThere, kIsLastWayIn };

class IdentityStore {
 public:
  // The database must be migrated and outlive the store.
  explicit IdentityStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // Joins it to the account; `created_at` is set here. kAlreadyExists when it is somebody's, or
  // when the user has another one at this provider.
  base::Result<void> link(const Identity& identity);
  // kNotFound when it is nobody's.
  base::Result<Identity> find(std::string_view provider, std::string_view provider_id);
  // By name of the provider.
  base::Result<std::vector<Identity>> of_user(std::string_view user_id);
  // Not the last way to log in of one who has no password.
  base::Result<Unlinked> unlink(std::string_view user_id, std::string_view provider);

  // False when it was used before; `expires_at` says until when that must be known.
  base::Result<bool> use_state(std::string_view nonce, std::int64_t expires_at);
  // Forgets states that are good for nothing any more.
  base::Result<void> clear_old();

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
