// The log of changes: who changed what, from where, and whether it worked. Entries are added and,
// when they are old, forgotten; none is ever altered. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "db/database.h"

namespace wrenn::db {

enum class AuditActor : std::uint8_t { kUser, kApiKey, kSystem, kAnonymous };
// "user", "api_key", "system", "anonymous": in the database and on the wire.
std::string_view actor_name(AuditActor actor);

struct AuditEntry {
  std::string id;       // Random; unique.
  std::string team_id;  // Empty: of no team.
  AuditActor actor = AuditActor::kAnonymous;
  std::string actor_id;
  std::string actor_name;
  std::string action;  // "sandbox.create"
  std::string resource_type;
  std::string resource_id;     // Empty when none was named or made.
  bool is_for_admins = false;  // Members of the team must not read it.
  std::string code;            // Of the error, as the API names it; empty for a success.
  std::string client_address;  // Empty for the system's own.
  std::string user_agent;      // As the client says; shortened by whoever adds it.
  std::string request_id;
  std::string metadata = "{}";  // A JSON object.
  std::int64_t at = 0;          // Milliseconds since 1970 UTC.
  bool operator==(const AuditEntry&) const = default;
};

// Where a page ended. Of entries of one millisecond the id decides.
struct AuditCursor {
  std::int64_t at = 0;
  std::string id;  // Empty: before all of that millisecond.
};

struct AuditQuery {
  std::optional<std::string> team_id;       // Absent: of all teams and of none.
  bool with_admins = false;                 // Also what is for administrators only.
  std::vector<std::string> actions;         // Any of them; empty: every.
  std::vector<std::string> resource_types;  // The same.
  std::vector<std::string> resource_ids;    // The same.
  std::string actor;                        // In its name, id or kind, in any case of letters.
  std::optional<std::int64_t> after;        // That time and later.
  std::optional<AuditCursor> before;
  std::int64_t limit = 50;
};

class AuditStore {
 public:
  explicit AuditStore(Database& database) : database_(database) {}

  // All or none, with what channels are told of them. Those that are there already, by their ids,
  // stay as they are, so that a batch of which nobody knows whether it was written can be given
  // again.
  base::Result<void> add(std::span<const AuditEntry> entries);
  // Newest first.
  base::Result<std::vector<AuditEntry>> list(const AuditQuery& query);
  // What was done to things of a type in any of these teams at `since` or later, and succeeded:
  // oldest first.
  base::Result<std::vector<AuditEntry>> list_done(const std::vector<std::string>& teams,
                                                  std::string_view resource_type,
                                                  std::int64_t since, std::int64_t limit);
  // Of those older than `before`, at most `limit`; returns how many that were.
  base::Result<std::int64_t> forget(std::int64_t before, std::int64_t limit);

 private:
  Database& database_;
};

}  // namespace wrenn::db
