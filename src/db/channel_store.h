// Channels, which tell teams what happens to what they have, and what is to be delivered to them.
// Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/sealer.h"
#include "base/time.h"
#include "db/channel_events.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

inline constexpr std::string_view kChannelPrefix = "chn-";

struct Channel {
  std::string id;
  std::string team_id;
  std::string name;  // Unique in the team.
  std::string provider;
  std::vector<std::string> events;  // Of kChannelEvents.
  std::string disabled_reason;      // Empty: it is told.
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;  // Also its version.
};

struct NewChannel {
  std::string team_id;
  std::string name;
  std::string provider;
  base::Secret config;  // As the provider needs it; sealed at rest.
  std::vector<std::string> events;
};

// What is not there stays as it is.
struct ChannelChanges {
  std::optional<std::string> name = {};
  std::optional<std::vector<std::string>> events = {};
  std::optional<base::Secret> config = {};
  std::optional<std::string> disabled_reason = {};  // Empty: it is told again.
};

enum class DeliveryStatus : std::uint8_t { kPending, kDelivered, kFailed };
std::string_view status_name(DeliveryStatus status);  // "pending", ...

struct Delivery {
  std::string id;
  std::string channel_id;
  std::string event;
  std::string payload;  // JSON.
  DeliveryStatus status = DeliveryStatus::kPending;
  std::int64_t attempts = 0;
  std::int64_t next_at = 0;
  int response_status = 0;  // To the last try; 0: there was no answer.
  std::string error;
  std::int64_t created_at = 0;
  std::optional<std::int64_t> finished_at;
};

// What became of a try.
struct Attempt {
  DeliveryStatus status = DeliveryStatus::kPending;
  std::int64_t next_at = 0;  // Of one that stays pending.
  int response_status = 0;
  std::string error;
};

class ChannelStore {
 public:
  // Both must outlive the store.
  ChannelStore(Database& database, const base::Sealer& sealer, Clock clock = base::unix_ms_now)
      : database_(database), sealer_(sealer), clock_(std::move(clock)) {}

  // kAlreadyExists when the team has one of that name; kResourceExhausted when it has kMaxChannels.
  base::Result<Channel> create(const NewChannel& channel);
  base::Result<Channel> get(std::string_view team_id, std::string_view id);  // kNotFound
  // By name, after the one of the name `after`.
  base::Result<std::vector<Channel>> list(std::string_view team_id, std::string_view after,
                                          int limit);
  // Nothing when it was changed since `seen`. kNotFound, kAlreadyExists for a name that is taken.
  base::Result<std::optional<Channel>> update(std::string_view team_id, std::string_view id,
                                              const ChannelChanges& changes,
                                              std::optional<std::int64_t> seen = std::nullopt);
  base::Result<bool> remove(std::string_view team_id, std::string_view id);
  // Of any team.
  base::Result<std::pair<Channel, base::Secret>> with_config(std::string_view id);

  // Newest first, after the one with the id `after`, which is of this channel.
  base::Result<std::vector<Delivery>> deliveries(std::string_view channel_id,
                                                 std::string_view after, int limit);
  // Once more, from the beginning. False when there is none of that id, or it is pending.
  base::Result<bool> redeliver(std::string_view channel_id, std::string_view id);

  // Up to `limit` that are due, each of another channel of which nobody has one; they are the
  // caller's for `lease_ms`, whatever others do with the same database.
  base::Result<std::vector<Delivery>> claim(int limit, std::int64_t lease_ms);
  // Ends the claim, unless its lease has run out and somebody has claimed it since. A channel that
  // has taken nothing for kGivesUpAfterMs is disabled.
  base::Result<void> finish(const Delivery& delivery, const Attempt& attempt);
  // Of those that ended before `before`, at most `limit`; returns how many that were.
  base::Result<std::int64_t> forget(std::int64_t before, std::int64_t limit);

  static constexpr int kMaxChannels = 50;
  static constexpr std::int64_t kGivesUpAfterMs = 5LL * 24 * 3600 * 1000;

 private:
  Database& database_;
  const base::Sealer& sealer_;
  Clock clock_;
};

// In the transaction that writes the entry: what channels of its team are told of it. Entries that
// were there already bring nothing new.
base::Result<void> enqueue_deliveries(Session& session, const AuditEntry& entry);

}  // namespace wrenn::db
