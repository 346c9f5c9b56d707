#include "control/channels/channel_formats.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "base/crypto.h"
#include "base/strings.h"
#include "base/time.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

constexpr std::size_t kMaxValue = 2048;
constexpr std::size_t kSecretBytes = 32;
constexpr std::string_view kTelegram = "https://api.telegram.org/bot";

enum class FieldKind : std::uint8_t { kUrl, kText, kOptionalText };
struct Field {
  std::string_view name;
  FieldKind kind = FieldKind::kText;
};
struct Provider {
  std::string_view name;
  std::vector<Field> fields;
};

const std::vector<Provider>& providers() {
  using enum FieldKind;
  static const std::vector<Provider> all = {
      {"webhook", {{"url", kUrl}, {"secret", kOptionalText}}},
      {"slack", {{"webhook_url", kUrl}}},
      {"discord", {{"webhook_url", kUrl}}},
      {"teams", {{"webhook_url", kUrl}}},
      {"googlechat", {{"webhook_url", kUrl}}},
      {"telegram", {{"bot_token", kText}, {"chat_id", kText}}},
      {"matrix", {{"homeserver_url", kUrl}, {"access_token", kText}, {"room_id", kText}}},
  };
  return all;
}

Result<void> check_field(const Field& field, const std::string& value,
                         net::Destinations destinations) {
  const auto refuse = [&field](std::string_view why) -> Result<void> {
    return base::fail(Code::kInvalidArgument, concat("'config.", field.name, "': ", why));
  };
  if (value.empty()) {
    return field.kind == FieldKind::kOptionalText ? Result<void>() : refuse("it is missing");
  }
  // It goes into header fields and paths.
  const auto is_odd = [](char c) { return c <= ' ' || c > '~'; };
  if (value.size() > kMaxValue || std::ranges::any_of(value, is_odd))
    return refuse("it must be printable ASCII without spaces, at most 2048 characters");
  if (field.kind != FieldKind::kUrl) return {};
  const auto checked = net::check_url(value, destinations);
  return checked ? checked : refuse(checked.error().message);
}

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

std::string field_of(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains(name);
  return found == nullptr ? std::string() : text_of(*found);
}

json::object object_in(const json::object& object, std::string_view name) {
  const json::value* const found = object.if_contains(name);
  return found != nullptr && found->is_object() ? found->get_object() : json::object();
}

net::WebRequest post_json(std::string url, const json::object& body) {
  return {.method = "POST",
          .url = std::move(url),
          .headers = net::Headers().with("Content-Type", "application/json"),
          .body = json::serialize(body)};
}

net::WebRequest webhook(const ChannelConfig& config, const ChannelMessage& message) {
  const std::string timestamp = base::rfc3339(message.at);
  return {.method = "POST",
          .url = config.at("url"),
          .headers = net::Headers()
                         .with("Content-Type", "application/json")
                         .with("X-Wrenn-Delivery", message.delivery_id)
                         .with("X-Wrenn-Timestamp", timestamp)
                         .with("X-WRENN-SIGNATURE",
                               webhook_signature(config.at("secret"), timestamp, message.payload)),
          .body = message.payload};
}

net::WebRequest teams(const ChannelConfig& config, const std::string& sentence) {
  const json::object card = {
      {"type", "AdaptiveCard"},
      {"version", "1.2"},
      {"body",
       json::array{json::object{{"type", "TextBlock"}, {"text", sentence}, {"wrap", true}}}}};
  return post_json(config.at("webhook_url"),
                   {{"type", "message"},
                    {"attachments", json::array{json::object{
                                        {"contentType", "application/vnd.microsoft.card.adaptive"},
                                        {"content", card}}}}});
}

net::WebRequest matrix(const ChannelConfig& config, const ChannelMessage& message,
                       const std::string& sentence) {
  std::string server = config.at("homeserver_url");
  while (server.ends_with('/')) server.pop_back();
  // The server does nothing twice for the same id.
  net::WebRequest request = post_json(
      concat(server, "/_matrix/client/v3/rooms/", base::percent_encode(config.at("room_id")),
             "/send/m.room.message/", message.delivery_id),
      {{"msgtype", "m.notice"}, {"body", sentence}});
  request.method = "PUT";
  request.headers.set("Authorization", concat("Bearer ", config.at("access_token")));
  return request;
}

struct Verb {
  std::string_view event;
  std::string_view verb;
};
constexpr std::array kVerbs = {Verb{"capsule.created", "was created"},
                               Verb{"capsule.running", "was resumed"},
                               Verb{"capsule.paused", "was paused"},
                               Verb{"capsule.destroyed", "was destroyed"},
                               Verb{"host.up", "is back"},
                               Verb{"host.down", "does not answer any more"},
                               Verb{"template.snapshot.created", "was made"},
                               Verb{"template.snapshot.deleted", "was deleted"}};

}  // namespace

std::vector<std::string> channel_providers() {
  std::vector<std::string> names;
  for (const Provider& provider : providers()) names.emplace_back(provider.name);
  return names;
}

Result<ChannelConfig> check_channel_config(std::string_view provider, ChannelConfig config,
                                           net::Destinations destinations) {
  const auto known = std::ranges::find(providers(), provider, &Provider::name);
  if (known == providers().end()) {
    return base::fail(Code::kInvalidArgument,
                      concat("'provider' must be one of ", base::join(channel_providers(), ", ")));
  }
  for (const auto& [name, value] : config) {
    if (std::ranges::find(known->fields, name, &Field::name) != known->fields.end()) continue;
    return base::fail(Code::kInvalidArgument,
                      concat("'config.", name, "': ", provider, " has no such field"));
  }
  for (const Field& field : known->fields)
    WRENN_TRY(check_field(field, config[std::string(field.name)], destinations));
  if (provider == "webhook" && config["secret"].empty())
    config["secret"] = base::to_hex(base::random_bytes(kSecretBytes));
  return config;
}

base::Secret config_text(const ChannelConfig& config) {
  json::object out;
  for (const auto& [name, value] : config) out[name] = value;
  return base::Secret(json::serialize(out));
}

Result<ChannelConfig> parse_config_text(const base::Secret& text) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text.reveal(), error);
  if (error || !parsed.is_object())
    return base::fail(Code::kDataLoss, "the config of the channel is damaged", "set it anew");
  ChannelConfig config;
  for (const auto& [name, value] : parsed.get_object()) config[name] = text_of(value);
  return config;
}

Result<net::WebRequest> channel_request(std::string_view provider, const ChannelConfig& config,
                                        const ChannelMessage& message) {
  const std::string sentence = channel_sentence(message.event, message.payload);
  if (provider == "webhook") return webhook(config, message);
  if (provider == "slack" || provider == "googlechat")
    return post_json(config.at("webhook_url"), {{"text", sentence}});
  if (provider == "discord") {
    // Names that people chose must call nobody.
    return post_json(
        config.at("webhook_url"),
        {{"content", sentence}, {"allowed_mentions", json::object{{"parse", json::array{}}}}});
  }
  if (provider == "teams") return teams(config, sentence);
  if (provider == "telegram") {
    return post_json(concat(kTelegram, config.at("bot_token"), "/sendMessage"),
                     {{"chat_id", config.at("chat_id")}, {"text", sentence}});
  }
  if (provider == "matrix") return matrix(config, message, sentence);
  return base::fail(Code::kInvalidArgument, concat("there is no provider '", provider, "'"));
}

std::string webhook_signature(std::string_view secret, std::string_view timestamp,
                              std::string_view body) {
  return concat("sha256=", base::to_hex(base::hmac_sha256(secret, concat(timestamp, ".", body))));
}

std::string channel_sentence(std::string_view event, std::string_view payload) {
  if (event == "channel.test") return "Wrenn can reach this channel.";
  boost::system::error_code error;
  const json::value parsed = json::parse(payload, error);
  const json::object whole = !error && parsed.is_object() ? parsed.get_object() : json::object();
  const json::object resource = object_in(whole, "resource");
  const json::object actor = object_in(whole, "actor");
  const auto known = std::ranges::find(kVerbs, event, &Verb::event);
  std::string sentence =
      concat("Wrenn: ", event.starts_with("template") ? "template" : field_of(resource, "type"),
             " ", field_of(resource, "id"), " ", known == kVerbs.end() ? event : known->verb);
  const std::string who = field_of(actor, "name");
  if (!who.empty() && field_of(actor, "type") != "system") sentence += concat(", by ", who);
  return sentence + ".";
}

}  // namespace wrenn::control
