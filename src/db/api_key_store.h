// API keys and the teams they belong to. Blocking, thread-safe.
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
#include "db/team.h"

namespace wrenn::db {

struct ApiKey {
  std::string id;  // "key-..."
  std::string team_id;
  std::string name;
  std::string key_prefix;  // "wrn_" and the first 8 digits: enough to tell keys apart.
  std::int64_t created_at = 0;
  std::optional<std::int64_t> last_used_at;
  std::optional<std::int64_t> revoked_at;
  std::string created_by;           // A user id; empty for one made on the machine itself.
  std::string creator_email;        // In lists.
  std::vector<std::string> scopes;  // Empty: good for all.
  std::optional<std::int64_t> expires_at;
};

// What a new key is to be.
struct KeyRequest {
  std::string name = {};  // "default" when it is empty.
  std::string created_by = {};
  std::vector<std::string> scopes = {};  // Words without spaces.
  std::optional<std::int64_t> expires_at = {};
};

struct NewApiKey {
  ApiKey key;
  base::Secret text;  // "wrn_" and 32 hexadecimal digits. Only here: the database has its hash.
};

struct KeyOwner {
  std::string team_id;
  std::string key_id;
  std::string name;
  std::vector<std::string> scopes;
};

class ApiKeyStore {
 public:
  // The database must be migrated and outlive the store.
  explicit ApiKeyStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // kNotFound for an unknown team.
  base::Result<NewApiKey> create(std::string_view team_id, const KeyRequest& request);

  // Takes "wrn_<hex>" and "e2b_<hex>" for the same key. kUnauthenticated for everything else, with
  // one text for wrong, malformed, revoked and expired, and for one whose maker was disabled. Notes
  // the use at most once a minute per key.
  base::Result<KeyOwner> verify(std::string_view text);

  // Revoking twice is fine; kNotFound for a key that the team does not have.
  base::Result<void> revoke(std::string_view team_id, std::string_view key_id);
  // Newest first, without revoked ones.
  base::Result<std::vector<ApiKey>> list(std::string_view team_id);

 private:
  void note_use(const std::string& key_id, std::int64_t now);

  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
