#include "control/api/channels.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/id.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/etag.h"
#include "control/api/json_fields.h"
#include "control/api/listing.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/channels/channel_dispatcher.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
namespace json = boost::json;

constexpr TextRule kText{.presence = Presence::kOptional, .max_bytes = 1024};
constexpr TextRule kRequired{.presence = Presence::kRequired, .max_bytes = 1024};
constexpr int kPage = 100;

json::object channel_object(const db::Channel& channel) {
  json::object out = {{"id", channel.id},
                      {"team_id", channel.team_id},
                      {"name", channel.name},
                      {"provider", channel.provider},
                      {"events", json::array(channel.events.begin(), channel.events.end())},
                      {"enabled", channel.disabled_reason.empty()}};
  if (!channel.disabled_reason.empty()) out["disabled_reason"] = channel.disabled_reason;
  out["created_at"] = base::rfc3339(channel.created_at);
  out["updated_at"] = base::rfc3339(channel.updated_at);
  return out;
}

json::object delivery_object(const db::Delivery& delivery) {
  json::object out = {{"id", delivery.id},
                      {"event", delivery.event},
                      {"payload", json::parse(delivery.payload)},
                      {"status", db::status_name(delivery.status)},
                      {"attempts", delivery.attempts}};
  if (delivery.response_status != 0) out["response_status"] = delivery.response_status;
  if (!delivery.error.empty()) out["error"] = delivery.error;
  out["created_at"] = base::rfc3339(delivery.created_at);
  if (delivery.status == db::DeliveryStatus::kPending)
    out["next_at"] = base::rfc3339(delivery.next_at);
  if (delivery.finished_at) out["finished_at"] = base::rfc3339(*delivery.finished_at);
  return out;
}

Task<Answer<void>> send_channel(Call& call, int status, const db::Channel& channel,
                                std::string_view secret = {}) {
  json::object out = channel_object(channel);
  if (!secret.empty()) out["secret"] = secret;
  return call.send_json(status, json::serialize(out),
                        net::Headers().with("ETag", etag_of(channel.updated_at)));
}

Answer<void> check_may_change(const Call& call) {
  if (call.caller().role >= db::Role::kAdmin) return {};
  return refuse(ApiCode::kForbidden, "channels are changed by the team's owner and admins");
}

Answer<std::string> id_in_path(const Call& call) {
  if (base::is_id(db::kChannelPrefix, call.param(0))) return call.param(0);
  return refuse(ApiCode::kInvalidRequest, "not the id of a channel; GET /v1/channels lists them");
}

Answer<std::string> parse_name(std::string name) {
  name = base::to_lower(name);
  std::ranges::replace(name, ' ', '-');
  if (is_safe_name(name)) return name;
  return refuse(ApiCode::kInvalidRequest,
                "'name' must begin with a letter or digit and go on with letters, digits, '.', "
                "'_' and '-', at most 64");
}

Answer<std::vector<std::string>> parse_events(std::vector<std::string> events) {
  std::ranges::sort(events);
  events.erase(std::ranges::unique(events).begin(), events.end());
  const auto is_known = [](const std::string& event) {
    return std::ranges::find(db::kChannelEvents, event) != db::kChannelEvents.end();
  };
  if (!events.empty() && std::ranges::all_of(events, is_known)) return events;
  return refuse(ApiCode::kInvalidRequest,
                concat("'events' must name at least one of ",
                       base::join({db::kChannelEvents.begin(), db::kChannelEvents.end()}, ", ")));
}

ChannelConfig read_config(JsonFields& fields) {
  ChannelConfig config;
  for (auto& [name, value] : fields.texts_or_nulls("config", 8)) {
    if (value) config[name] = std::move(*value);
  }
  return config;
}

Answer<ChannelConfig> checked(std::string_view provider, ChannelConfig config,
                              net::Destinations destinations) {
  auto whole = check_channel_config(provider, std::move(config), destinations);
  if (!whole) return refuse(ApiCode::kInvalidRequest, whole.error().message);
  return *std::move(whole);
}

// Only of a webhook, and only one that the caller has not brought.
std::string made_secret(std::string_view provider, const ChannelConfig& given,
                        const ChannelConfig& whole) {
  const auto brought = given.find("secret");
  if (provider != "webhook" || (brought != given.end() && !brought->second.empty())) return {};
  return whole.at("secret");
}

Answer<db::Channel> from_store(base::Result<db::Channel> stored) {
  if (!stored && stored.error().code == base::Code::kAlreadyExists)
    return refuse(ApiCode::kConflict, "the team has a channel of that name already");
  if (!stored && stored.error().code == base::Code::kResourceExhausted) {
    return refuse(ApiCode::kTooMany, concat("the team has ", db::ChannelStore::kMaxChannels,
                                            " channels; remove some first"));
  }
  if (!stored && stored.error().code == base::Code::kNotFound)
    return refuse(ApiCode::kNotFound, "there is no such channel; GET /v1/channels lists them");
  return db_answer(std::move(stored));
}

// On a pool thread.
Answer<db::Channel> find_channel(Services& services, const Call& call) {
  API_TRY_ASSIGN(const std::string id, id_in_path(call));
  return from_store(services.channels.get(call.team_id(), id));
}

// On a pool thread; with the version that the request names.
Answer<db::Channel> change(Services& services, Call& call, const db::ChannelChanges& changes) {
  API_TRY_ASSIGN(const std::string id, id_in_path(call));
  API_TRY_ASSIGN(const auto seen, seen_version(call.request().headers()));
  auto changed = services.channels.update(call.team_id(), id, changes, seen);
  if (!changed) return from_store(base::fail(changed.error()));
  if (!*changed) return std::unexpected(changed_meanwhile());
  return **changed;
}

Task<Answer<void>> try_now(Services& services, Call& call, std::string provider,
                           ChannelConfig config) {
  const std::int64_t now = base::unix_ms_now();
  const auto answer =
      co_await services.dispatcher.send_now(std::move(provider), std::move(config),
                                            {.delivery_id = base::Uuid::random().to_string(),
                                             .event = "channel.test",
                                             .payload = db::test_event_json(call.team_id(), now),
                                             .at = now});
  if (answer && answer->status >= 200 && answer->status < 300)
    co_return co_await call.send_json(200, R"({"status":"ok"})");
  if (!answer) co_return refuse(ApiCode::kChannelFailed, answer.error().message);
  co_return refuse(ApiCode::kChannelFailed, concat("the receiver answered ", answer->status));
}

}  // namespace

Task<Answer<void>> create_channel(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  JsonFields fields(body);
  const std::string wish = fields.text("name", kRequired);
  db::NewChannel channel{.team_id = call.team_id(),
                         .name = {},
                         .provider = fields.text("provider", kRequired),
                         .config = {},
                         .events = {}};
  const auto events = fields.texts("events", db::kChannelEvents.size());
  const ChannelConfig given = read_config(fields);
  API_CO_TRY(fields.status());
  API_CO_TRY_ASSIGN(channel.name, parse_name(wish));
  API_CO_TRY_ASSIGN(channel.events, parse_events(events));
  API_CO_TRY_ASSIGN(const ChannelConfig config,
                    checked(channel.provider, given, services.dispatcher.destinations()));
  channel.config = config_text(config);
  call.note("name", channel.name);
  call.note("provider", channel.provider);
  API_CO_TRY_ASSIGN(const db::Channel made, co_await on_pool(services.database_pool, [&] {
                      return from_store(services.channels.create(channel));
                    }));
  call.set_resource_id(made.id);
  co_return co_await send_channel(call, 201, made, made_secret(made.provider, given, config));
}

Task<Answer<void>> list_channels(Services& services, Call& call) {
  const std::string after = query_parameter(call.request().query(), "cursor");
  API_CO_TRY_ASSIGN(const auto channels, db_answer(co_await services.database_pool.run([&] {
                      return services.channels.list(call.team_id(), after, kPage);
                    })));
  json::array items;
  for (const db::Channel& channel : channels) items.push_back(channel_object(channel));
  co_return co_await call.send_json(
      200, json::serialize(items),
      next_page(call.request().path(), call.request().query(), kPage, channels.size(),
                channels.empty() ? "" : channels.back().name));
}

Task<Answer<void>> get_channel(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Channel channel, co_await on_pool(services.database_pool, [&] {
                      return find_channel(services, call);
                    }));
  co_return co_await send_channel(call, 200, channel);
}

Task<Answer<void>> update_channel(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  JsonFields fields(body);
  const std::string name = fields.text("name", kText);
  const auto events = fields.texts("events", db::kChannelEvents.size());
  const bool is_enabled = fields.boolean("enabled", true);
  API_CO_TRY(fields.status());
  db::ChannelChanges changes;
  if (fields.has("name")) {
    API_CO_TRY_ASSIGN(changes.name, parse_name(name));
    call.note("name", *changes.name);
  }
  if (fields.has("events")) {
    API_CO_TRY_ASSIGN(changes.events, parse_events(events));
    call.note("events", base::join(*changes.events, ","));
  }
  if (fields.has("enabled")) {
    changes.disabled_reason = is_enabled ? "" : "it was disabled by a request";
    call.note("enabled", is_enabled ? "true" : "false");
  }
  API_CO_TRY_ASSIGN(const db::Channel changed, co_await on_pool(services.database_pool, [&] {
                      return change(services, call, changes);
                    }));
  co_return co_await send_channel(call, 200, changed);
}

Task<Answer<void>> remove_channel(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  API_CO_TRY_ASSIGN(const std::string id, id_in_path(call));
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&] { return services.channels.remove(call.team_id(), id); })));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> set_channel_config(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  JsonFields fields(body);
  const ChannelConfig given = read_config(fields);
  API_CO_TRY(fields.status());
  API_CO_TRY_ASSIGN(const db::Channel channel, co_await on_pool(services.database_pool, [&] {
                      return find_channel(services, call);
                    }));
  API_CO_TRY_ASSIGN(const ChannelConfig config,
                    checked(channel.provider, given, services.dispatcher.destinations()));
  API_CO_TRY_ASSIGN(const db::Channel changed, co_await on_pool(services.database_pool, [&] {
                      return change(services, call, {.config = config_text(config)});
                    }));
  co_return co_await send_channel(call, 200, changed, made_secret(channel.provider, given, config));
}

Task<Answer<void>> try_channel_config(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  JsonFields fields(body);
  const std::string provider = fields.text("provider", kRequired);
  const ChannelConfig given = read_config(fields);
  API_CO_TRY(fields.status());
  API_CO_TRY_ASSIGN(ChannelConfig config,
                    checked(provider, given, services.dispatcher.destinations()));
  co_return co_await try_now(services, call, provider, std::move(config));
}

Task<Answer<void>> try_channel(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  using Found = std::pair<db::Channel, base::Secret>;
  API_CO_TRY_ASSIGN(const Found found,
                    co_await on_pool(services.database_pool, [&]() -> Answer<Found> {
                      API_TRY_ASSIGN(const db::Channel channel, find_channel(services, call));
                      return db_answer(services.channels.with_config(channel.id));
                    }));
  API_CO_TRY_ASSIGN(ChannelConfig config, db_answer(parse_config_text(found.second)));
  co_return co_await try_now(services, call, found.first.provider, std::move(config));
}

Task<Answer<void>> list_deliveries(Services& services, Call& call) {
  const std::string after = query_parameter(call.request().query(), "cursor");
  using Deliveries = std::vector<db::Delivery>;
  API_CO_TRY_ASSIGN(const Deliveries deliveries,
                    co_await on_pool(services.database_pool, [&]() -> Answer<Deliveries> {
                      API_TRY_ASSIGN(const db::Channel channel, find_channel(services, call));
                      return db_answer(services.channels.deliveries(channel.id, after, kPage));
                    }));
  json::array items;
  for (const db::Delivery& delivery : deliveries) items.push_back(delivery_object(delivery));
  co_return co_await call.send_json(
      200, json::serialize(items),
      next_page(call.request().path(), call.request().query(), kPage, deliveries.size(),
                deliveries.empty() ? "" : deliveries.back().id));
}

Task<Answer<void>> deliver_again(Services& services, Call& call) {
  API_CO_TRY(check_may_change(call));
  API_CO_TRY_ASSIGN(const bool is_queued,
                    co_await on_pool(services.database_pool, [&]() -> Answer<bool> {
                      API_TRY_ASSIGN(const db::Channel channel, find_channel(services, call));
                      return db_answer(services.channels.redeliver(channel.id, call.param(1)));
                    }));
  if (!is_queued) {
    co_return refuse(ApiCode::kNotFound,
                     "there is no such delivery that has ended; "
                     "GET /v1/channels/{id}/deliveries lists them");
  }
  co_return co_await call.send_empty(202);
}

}  // namespace wrenn::control
