#include "db/channel_store.h"

#include <algorithm>

#include "base/id.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// In the order of read_channel().
constexpr std::string_view kColumns =
    "id, team_id, name, provider, events, disabled_reason, created_at, updated_at";
// In the order of read_delivery().
constexpr std::string_view kDeliveryColumns =
    "id, channel_id, event, payload, status, attempts, next_at, response_status, error, "
    "created_at, finished_at";

std::string place_of(std::string_view id) {
  return concat("channels/", id);
}

// So that one LIKE finds a name, and no part of a longer one.
std::string events_text(const std::vector<std::string>& events) {
  return concat(",", base::join(events, ","), ",");
}

Channel read_channel(const Row& row) {
  Channel channel{.id = row.text(0),
                  .team_id = row.text(1),
                  .name = row.text(2),
                  .provider = row.text(3),
                  .events = {},
                  .disabled_reason = row.text(5),
                  .created_at = row.integer(6),
                  .updated_at = row.integer(7)};
  for (const std::string_view event : base::split(row.text(4), ',')) {
    if (!event.empty()) channel.events.emplace_back(event);
  }
  return channel;
}

DeliveryStatus status_from_name(std::string_view name) {
  for (const auto status : {DeliveryStatus::kDelivered, DeliveryStatus::kFailed}) {
    if (status_name(status) == name) return status;
  }
  return DeliveryStatus::kPending;
}

Delivery read_delivery(const Row& row) {
  return {.id = row.text(0),
          .channel_id = row.text(1),
          .event = row.text(2),
          .payload = row.text(3),
          .status = status_from_name(row.text(4)),
          .attempts = row.integer(5),
          .next_at = row.integer(6),
          .response_status = static_cast<int>(row.integer(7)),
          .error = row.text(8),
          .created_at = row.integer(9),
          .finished_at = row.maybe_integer(10)};
}

std::vector<Delivery> read_deliveries(const std::vector<Row>& rows) {
  std::vector<Delivery> all;
  all.reserve(rows.size());
  for (const Row& row : rows) all.push_back(read_delivery(row));
  return all;
}

Result<Channel> find(Session& session, std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(concat("SELECT ", kColumns, " FROM channels WHERE team_id = $1 AND id = $2"),
                    {std::string(team_id), std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "there is no such channel");
  return read_channel(rows.front());
}

// It is told nothing while it is disabled, nor of that time afterwards.
Result<void> drop_pending(Session& session, std::string_view id, std::int64_t now) {
  WRENN_TRY(
      session.execute("UPDATE channel_deliveries SET status = 'failed', finished_at = $2, "
                      "error = 'the channel is disabled' "
                      "WHERE channel_id = $1 AND status = 'pending'",
                      {std::string(id), now}));
  return {};
}

}  // namespace

std::string_view status_name(DeliveryStatus status) {
  switch (status) {
    case DeliveryStatus::kDelivered:
      return "delivered";
    case DeliveryStatus::kFailed:
      return "failed";
    case DeliveryStatus::kPending:
      break;
  }
  return "pending";
}

Result<Channel> ChannelStore::create(const NewChannel& channel) {
  const std::int64_t now = clock_();
  const Channel made{.id = base::new_id(kChannelPrefix),
                     .team_id = channel.team_id,
                     .name = channel.name,
                     .provider = channel.provider,
                     .events = channel.events,
                     .disabled_reason = {},
                     .created_at = now,
                     .updated_at = now};
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(
      const auto count,
      session.query("SELECT COUNT(*) FROM channels WHERE team_id = $1", {channel.team_id}));
  if (count.front().integer(0) >= kMaxChannels)
    return base::fail(Code::kResourceExhausted, "the team has too many channels");
  WRENN_TRY(session.execute(
      "INSERT INTO channels (id, team_id, name, provider, sealed_config, events, created_at, "
      "updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
      {made.id, made.team_id, made.name, made.provider,
       sealer_.seal(channel.config.reveal(), place_of(made.id)), events_text(made.events), now}));
  WRENN_TRY(transaction.commit());
  return made;
}

Result<Channel> ChannelStore::get(std::string_view team_id, std::string_view id) {
  Session session = database_.read();
  return find(session, team_id, id);
}

Result<std::vector<Channel>> ChannelStore::list(std::string_view team_id, std::string_view after,
                                                int limit) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns,
                 " FROM channels WHERE team_id = $1 AND name > $2 ORDER BY name LIMIT $3"),
          {std::string(team_id), std::string(after), std::int64_t{limit}}));
  std::vector<Channel> channels;
  for (const Row& row : rows) channels.push_back(read_channel(row));
  return channels;
}

Result<std::optional<Channel>> ChannelStore::update(std::string_view team_id, std::string_view id,
                                                    const ChannelChanges& changes,
                                                    std::optional<std::int64_t> seen) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(Channel channel, find(session, team_id, id));
  if (seen && *seen != channel.updated_at) return std::nullopt;
  if (changes.name) channel.name = *changes.name;
  if (changes.events) channel.events = *changes.events;
  if (changes.disabled_reason) channel.disabled_reason = *changes.disabled_reason;
  // Never the same version twice.
  channel.updated_at = std::max(clock_(), channel.updated_at + 1);
  WRENN_TRY(session.execute(
      "UPDATE channels SET name = $2, events = $3, disabled_reason = $4, updated_at = $5 "
      "WHERE id = $1",
      {channel.id, channel.name, events_text(channel.events), channel.disabled_reason,
       channel.updated_at}));
  if (changes.config) {
    WRENN_TRY(session.execute("UPDATE channels SET sealed_config = $2 WHERE id = $1",
                              {channel.id, sealer_.seal(changes.config->reveal(), place_of(id))}));
  }
  if (changes.disabled_reason) {
    WRENN_TRY(
        session.execute("UPDATE channels SET failing_since = NULL WHERE id = $1", {channel.id}));
    if (!channel.disabled_reason.empty()) WRENN_TRY(drop_pending(session, id, clock_()));
  }
  WRENN_TRY(transaction.commit());
  return channel;
}

Result<bool> ChannelStore::remove(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(const std::int64_t removed,
                   database_.write().execute("DELETE FROM channels WHERE team_id = $1 AND id = $2",
                                             {std::string(team_id), std::string(id)}));
  return removed > 0;  // SQLite counts its deliveries, too.
}

Result<std::pair<Channel, base::Secret>> ChannelStore::with_config(std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       concat("SELECT ", kColumns, ", sealed_config FROM channels WHERE id = $1"),
                       {std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "there is no such channel");
  auto config = sealer_.open(rows.front().text(8), place_of(id));
  if (!config) config.error().remedy = "set the channel's config anew";
  WRENN_TRY_ASSIGN(base::Secret opened, std::move(config));
  return std::pair(read_channel(rows.front()), std::move(opened));
}

Result<std::vector<Delivery>> ChannelStore::deliveries(std::string_view channel_id,
                                                       std::string_view after, int limit) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kDeliveryColumns,
                 " FROM channel_deliveries WHERE channel_id = $1 AND ($2 = '' OR (created_at, id) "
                 "< (SELECT created_at, id FROM channel_deliveries WHERE channel_id = $1 AND "
                 "id = $2)) ORDER BY created_at DESC, id DESC LIMIT $3"),
          {std::string(channel_id), std::string(after), std::int64_t{limit}}));
  return read_deliveries(rows);
}

Result<bool> ChannelStore::redeliver(std::string_view channel_id, std::string_view id) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          "UPDATE channel_deliveries SET status = 'pending', attempts = 0, next_at = $3, "
          "claimed_until = 0, finished_at = NULL WHERE channel_id = $1 AND id = $2 "
          "AND status <> 'pending'",
          {std::string(channel_id), std::string(id), clock_()}));
  return changed == 1;
}

Result<std::vector<Delivery>> ChannelStore::claim(int limit, std::int64_t lease_ms) {
  const std::int64_t now = clock_();
  // Mostly there is nothing to do: no transaction for that.
  constexpr std::string_view kDue =
      "SELECT id FROM (SELECT d.id, d.next_at, ROW_NUMBER() OVER (PARTITION BY d.channel_id ORDER "
      "BY d.next_at, d.created_at, d.id) AS place FROM channel_deliveries d "
      "WHERE d.status = 'pending' AND d.next_at <= $1 AND NOT EXISTS (SELECT 1 FROM "
      "channel_deliveries o WHERE o.channel_id = d.channel_id AND o.status = 'pending' "
      "AND o.claimed_until > $1)) AS due WHERE place = 1 ORDER BY next_at LIMIT $2";
  WRENN_TRY_ASSIGN(const auto due, database_.read().query(kDue, {now, std::int64_t{limit}}));
  if (due.empty()) return std::vector<Delivery>();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query(concat("UPDATE channel_deliveries SET claimed_until = $3, "
                                        "attempts = attempts + 1 WHERE id IN (",
                                        kDue, ") RETURNING ", kDeliveryColumns),
                                 {now, std::int64_t{limit}, now + lease_ms}));
  WRENN_TRY(transaction.commit());
  return read_deliveries(rows);
}

Result<void> ChannelStore::finish(const Delivery& delivery, const Attempt& attempt) {
  const std::int64_t now = clock_();
  const bool is_over = attempt.status != DeliveryStatus::kPending;
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY(session.execute(
      "UPDATE channel_deliveries SET status = $2, next_at = $3, response_status = $4, error = $5, "
      "finished_at = $6, claimed_until = 0 WHERE id = $1 AND status = 'pending' AND "
      "attempts = $7",
      {delivery.id, std::string(status_name(attempt.status)), attempt.next_at,
       std::int64_t{attempt.response_status}, attempt.error, is_over ? Value(now) : Value(),
       delivery.attempts}));
  if (attempt.status == DeliveryStatus::kDelivered) {
    WRENN_TRY(session.execute("UPDATE channels SET failing_since = NULL WHERE id = $1",
                              {delivery.channel_id}));
    return transaction.commit();
  }
  WRENN_TRY(session.execute(
      "UPDATE channels SET failing_since = COALESCE(failing_since, $2) WHERE id = $1",
      {delivery.channel_id, now}));
  WRENN_TRY_ASSIGN(
      const std::int64_t disabled,
      session.execute("UPDATE channels SET disabled_reason = $2 WHERE id = $1 AND "
                      "disabled_reason = '' AND failing_since <= $3",
                      {delivery.channel_id,
                       concat("it took nothing for days; the last error was: ", attempt.error),
                       now - kGivesUpAfterMs}));
  if (disabled == 1) WRENN_TRY(drop_pending(session, delivery.channel_id, now));
  return transaction.commit();
}

Result<std::int64_t> ChannelStore::forget(std::int64_t before, std::int64_t limit) {
  return database_.write().execute(
      "DELETE FROM channel_deliveries WHERE id IN (SELECT id FROM channel_deliveries "
      "WHERE status <> 'pending' AND finished_at < $1 ORDER BY finished_at LIMIT $2)",
      {before, limit});
}

Result<void> enqueue_deliveries(Session& session, const AuditEntry& entry) {
  for (const ChannelEvent& event : channel_events_of(entry)) {
    WRENN_TRY_ASSIGN(const auto channels,
                     session.query("SELECT id FROM channels WHERE team_id = $1 AND "
                                   "disabled_reason = '' AND events LIKE $2",
                                   {entry.team_id, concat("%,", event.name, ",%")}));
    for (const Row& channel : channels) {
      WRENN_TRY(session.execute(
          "INSERT INTO channel_deliveries (id, channel_id, event_id, event, payload, status, "
          "next_at, created_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6, $6) "
          "ON CONFLICT (channel_id, event_id) DO NOTHING",
          {base::Uuid::random().to_string(), channel.text(0), event.id, event.name, event.json,
           entry.at}));
    }
  }
  return {};
}

}  // namespace wrenn::db
