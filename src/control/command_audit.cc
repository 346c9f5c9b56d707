#include "control/command_audit.h"

#include <array>

#include "base/id.h"
#include "base/log.h"
#include "base/time.h"
#include "db/audit_store.h"
#include "db/team.h"

namespace wrenn::control {

void note_command(db::Database& database, std::string_view action, std::string_view type,
                  std::string_view id) {
  const std::array entries{db::AuditEntry{.id = base::Uuid::random().to_string(),
                                          .team_id = std::string(db::kDefaultTeam),
                                          .actor = db::AuditActor::kSystem,
                                          .actor_id = {},
                                          .actor_name = "wrenn-cp command",
                                          .action = std::string(action),
                                          .resource_type = std::string(type),
                                          .resource_id = std::string(id),
                                          .is_for_admins = true,
                                          .code = {},
                                          .client_address = {},
                                          .user_agent = {},
                                          .request_id = {},
                                          .at = base::unix_ms_now()}};
  if (const auto added = db::AuditStore(database).add(entries); !added) {
    base::log_warn("this is not in the log of changes",
                   {{"action", action}, {"id", id}, {"error", added.error()}});
  }
}

}  // namespace wrenn::control
