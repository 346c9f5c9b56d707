// The log of changes: what the API writes into it of a call, and how it is read.
#pragma once

#include <cstdint>
#include <string_view>

#include "control/api/call.h"
#include "db/audit_store.h"

namespace wrenn::control {

// What a route is in the log. Each route that is not a GET says one.
struct AuditRule {
  enum class Kind : std::uint8_t { kUnsaid, kNotLogged, kTeam, kAdmins, kPlatform };

  Kind kind = Kind::kUnsaid;
  std::string_view action = {};  // "capsule.create"
  std::string_view resource_type = {};
  std::size_t param = 0;  // Which one names the resource, unless the handler does.
};
// It reads, though by POST.
inline constexpr AuditRule kReads{.kind = AuditRule::Kind::kNotLogged};
// A sign of life that comes all the time.
inline constexpr AuditRule kRoutine{.kind = AuditRule::Kind::kNotLogged};
// For all members of the caller's team to read.
constexpr AuditRule changes(std::string_view action, std::string_view type, std::size_t param = 0) {
  return {AuditRule::Kind::kTeam, action, type, param};
}
// For its owners and administrators.
constexpr AuditRule changes_quietly(std::string_view action, std::string_view type,
                                    std::size_t param = 0) {
  return {AuditRule::Kind::kAdmins, action, type, param};
}
// For administrators of the platform's own team, whichever team the caller works in.
constexpr AuditRule changes_platform(std::string_view action, std::string_view type,
                                     std::size_t param = 0) {
  return {AuditRule::Kind::kPlatform, action, type, param};
}

// After the handler of a route with this rule was done with the call.
void audit(Services& services, Call& call, const AuditRule& rule, const Answer<void>& answer);

net::Task<Answer<void>> list_audit_logs(Services& services, Call& call);
net::Task<Answer<void>> list_all_audit_logs(Services& services, Call& call);

}  // namespace wrenn::control
