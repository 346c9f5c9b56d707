// What channels are told of: events, made of the entries of the log of changes. Pure.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "db/audit_store.h"

namespace wrenn::db {

inline constexpr std::array<std::string_view, 8> kChannelEvents = {"capsule.created",
                                                                   "capsule.running",
                                                                   "capsule.paused",
                                                                   "capsule.destroyed",
                                                                   "host.up",
                                                                   "host.down",
                                                                   "template.snapshot.created",
                                                                   "template.snapshot.deleted"};

struct ChannelEvent {
  std::string id;    // The same for the same entry, however often it is written.
  std::string name;  // One of kChannelEvents.
  std::string json;  // {"event","timestamp","team_id","actor":{..},"resource":{..}}
};

// None for an entry of a failure, and for changes that channels are not told of. A fork makes one
// for each copy.
std::vector<ChannelEvent> channel_events_of(const AuditEntry& entry);

// Of no entry: what a channel is tried with.
std::string test_event_json(std::string_view team_id, std::int64_t at);

}  // namespace wrenn::db
