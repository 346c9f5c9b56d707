// What each provider of channels needs to know, and how it is told of an event. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "net/web_client.h"

namespace wrenn::control {

// "webhook", "slack", "discord", "teams", "googlechat", "telegram", "matrix".
std::vector<std::string> channel_providers();

using ChannelConfig = std::map<std::string, std::string>;

// Whether a provider of that name takes it: kInvalidArgument names the field that is missing,
// unknown or wrong. A webhook without a secret gets one.
base::Result<ChannelConfig> check_channel_config(std::string_view provider, ChannelConfig config,
                                                 net::Destinations destinations);
// To be sealed, and back.
base::Secret config_text(const ChannelConfig& config);
base::Result<ChannelConfig> parse_config_text(const base::Secret& text);

struct ChannelMessage {
  std::string delivery_id;  // The same for every try.
  std::string event;        // "capsule.created"
  std::string payload;      // JSON, as ChannelEvent has it.
  std::int64_t at = 0;      // Of this try: milliseconds since 1970 UTC.
};

// A webhook gets the payload, signed; the others get a sentence in the form that they want:
//   Slack       https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
//   Discord     https://discord.com/developers/docs/resources/webhook#execute-webhook
//   Teams       https://learn.microsoft.com/connectors/teams (an adaptive card)
//   Google Chat https://developers.google.com/workspace/chat/quickstart/webhooks
//   Telegram    https://core.telegram.org/bots/api#sendmessage
//   Matrix      https://spec.matrix.org/latest/client-server-api (a notice, once per delivery)
base::Result<net::WebRequest> channel_request(std::string_view provider,
                                              const ChannelConfig& config,
                                              const ChannelMessage& message);

// "sha256=" and the HMAC-SHA256, in hexadecimal, of "<timestamp>.<body>".
std::string webhook_signature(std::string_view secret, std::string_view timestamp,
                              std::string_view body);

// "Ada created the capsule cl-...", of a payload.
std::string channel_sentence(std::string_view event, std::string_view payload);

}  // namespace wrenn::control
