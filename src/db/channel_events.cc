#include "db/channel_events.h"

#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"

namespace wrenn::db {
namespace {

using base::concat;
namespace json = boost::json;

struct Rule {
  std::string_view action;
  std::string_view event;
};
// What people do, and the states that the platform changes sandboxes to by itself.
constexpr Rule kRules[] = {
    {"capsule.create", "capsule.created"},
    {"capsule.fork", "capsule.created"},
    {"capsule.resume", "capsule.running"},
    {"capsule.running", "capsule.running"},
    {"capsule.pause", "capsule.paused"},
    {"capsule.paused", "capsule.paused"},
    {"capsule.destroy", "capsule.destroyed"},
    {"capsule.stopped", "capsule.destroyed"},
    {"snapshot.create", "template.snapshot.created"},
    {"snapshot.delete", "template.snapshot.deleted"},
    {"host.marked_up", "host.up"},
    {"host.marked_down", "host.down"},
};

std::string event_json(std::string_view name, const AuditEntry& entry, std::string_view resource) {
  json::object actor = {{"type", actor_name(entry.actor)}};
  if (!entry.actor_id.empty()) actor["id"] = entry.actor_id;
  if (!entry.actor_name.empty()) actor["name"] = entry.actor_name;
  return json::serialize(
      json::object{{"event", name},
                   {"timestamp", base::rfc3339(entry.at)},
                   {"team_id", entry.team_id},
                   {"actor", std::move(actor)},
                   {"resource", json::object{{"id", resource}, {"type", entry.resource_type}}}});
}

// Its copies, as its metadata name them.
std::vector<std::string> forks_of(const AuditEntry& entry) {
  std::vector<std::string> forks;
  boost::system::error_code error;
  const json::value metadata = json::parse(entry.metadata, error);
  if (error || !metadata.is_object()) return forks;
  const json::value* const ids = metadata.get_object().if_contains("forks");
  if (ids == nullptr || !ids->is_string() || ids->get_string().empty()) return forks;
  for (const std::string_view id : base::split(ids->get_string(), ',')) forks.emplace_back(id);
  return forks;
}

}  // namespace

std::vector<ChannelEvent> channel_events_of(const AuditEntry& entry) {
  if (!entry.code.empty() || entry.team_id.empty()) return {};
  for (const Rule& rule : kRules) {
    if (rule.action != entry.action) continue;
    std::vector<ChannelEvent> events;
    const bool is_fork = entry.action == "capsule.fork";
    for (const std::string& resource : is_fork ? forks_of(entry) : std::vector{entry.resource_id}) {
      events.push_back({.id = is_fork ? concat(entry.id, "/", resource) : entry.id,
                        .name = std::string(rule.event),
                        .json = event_json(rule.event, entry, resource)});
    }
    return events;
  }
  return {};
}

std::string test_event_json(std::string_view team_id, std::int64_t at) {
  return event_json("channel.test",
                    {.id = {},
                     .team_id = std::string(team_id),
                     .actor = AuditActor::kSystem,
                     .actor_id = {},
                     .actor_name = "system",
                     .action = {},
                     .resource_type = "channel",
                     .resource_id = {},
                     .code = {},
                     .client_address = {},
                     .user_agent = {},
                     .request_id = {},
                     .at = at},
                    "test");
}

}  // namespace wrenn::db
