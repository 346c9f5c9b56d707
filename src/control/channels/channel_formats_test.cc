#include "control/channels/channel_formats.h"

#include <gtest/gtest.h>

#include "control/channels/channel_dispatcher.h"

namespace wrenn::control {
namespace {

using base::Code;
using net::Destinations;

constexpr std::string_view kPayload =
    R"({"event":"capsule.created","timestamp":"2026-01-31T12:00:00.250Z","team_id":"team-1",)"
    R"("actor":{"type":"user","id":"usr-1","name":"Ada"},"resource":{"id":"cl-1","type":"capsule"}})";

ChannelMessage message() {
  return {.delivery_id = "d-1",
          .event = "capsule.created",
          .payload = std::string(kPayload),
          .at = 1'700'000'000'000};
}

net::WebRequest request_of(std::string_view provider, const ChannelConfig& config) {
  auto request = channel_request(provider, config, message());
  EXPECT_TRUE(request) << request.error().to_string();
  return *std::move(request);
}

TEST(ChannelConfigTest, NeedsWhatTheProviderNeeds) {
  const auto refused = [](std::string_view provider, ChannelConfig config) {
    const auto checked = check_channel_config(provider, std::move(config), Destinations::kPublic);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_TRUE(refused("pigeon", {}).contains("matrix"));
  EXPECT_TRUE(refused("webhook", {}).contains("config.url"));
  EXPECT_TRUE(refused("webhook", {{"url", "http://example.com"}}).contains("https://"));
  EXPECT_TRUE(refused("webhook", {{"url", "https://10.0.0.1/"}}).contains("not public"));
  EXPECT_TRUE(
      refused("slack", {{"webhook_url", "https://e.com"}, {"x", "y"}}).contains("config.x"));
  EXPECT_TRUE(refused("telegram", {{"bot_token", "a\r\nb"}, {"chat_id", "1"}}).contains("ASCII"));
  EXPECT_EQ(refused("telegram", {{"bot_token", "1:a"}, {"chat_id", "-1"}}), "");
}

TEST(ChannelConfigTest, AWebhookGetsASecret) {
  const auto made =
      check_channel_config("webhook", {{"url", "https://e.com"}}, Destinations::kPublic);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->at("secret").size(), 64u);
  const auto own = check_channel_config("webhook", {{"url", "https://e.com"}, {"secret", "own"}},
                                        Destinations::kPublic);
  EXPECT_EQ(own->at("secret"), "own");
  EXPECT_EQ(parse_config_text(config_text(*own)).value(), *own);
}

TEST(ChannelRequestTest, AWebhookIsSigned) {
  const auto request = request_of("webhook", {{"url", "https://e.com/hook"}, {"secret", "key"}});
  EXPECT_EQ(request.body, kPayload);
  EXPECT_EQ(request.headers.find("x-wrenn-delivery"), "d-1");
  const std::string_view timestamp = *request.headers.find("x-wrenn-timestamp");
  EXPECT_EQ(timestamp, "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(request.headers.find("x-wrenn-signature"),
            webhook_signature("key", timestamp, kPayload));
  // printf '1.{}' | openssl dgst -sha256 -hmac key
  EXPECT_EQ(webhook_signature("key", "1", "{}"),
            "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224");
}

TEST(ChannelRequestTest, ChatsAreToldASentence) {
  const std::string sentence = "Wrenn: capsule cl-1 was created, by Ada.";
  const ChannelConfig hook = {{"webhook_url", "https://e.com/x"}};
  EXPECT_EQ(request_of("slack", hook).body, R"({"text":")" + sentence + R"("})");
  EXPECT_EQ(request_of("googlechat", hook).body, R"({"text":")" + sentence + R"("})");
  EXPECT_EQ(request_of("discord", hook).body,
            R"({"content":")" + sentence + R"(","allowed_mentions":{"parse":[]}})");
  const auto card = request_of("teams", hook);
  EXPECT_TRUE(card.body.contains("application/vnd.microsoft.card.adaptive")) << card.body;
  EXPECT_TRUE(card.body.contains(sentence)) << card.body;
  const auto bot = request_of("telegram", {{"bot_token", "1:a"}, {"chat_id", "-5"}});
  EXPECT_EQ(bot.url, "https://api.telegram.org/bot1:a/sendMessage");
  EXPECT_EQ(bot.body, R"({"chat_id":"-5","text":")" + sentence + R"("})");
  const auto room = request_of(
      "matrix",
      {{"homeserver_url", "https://m.org/"}, {"access_token", "t"}, {"room_id", "!r:m.org"}});
  EXPECT_EQ(room.method, "PUT");
  EXPECT_EQ(room.url, "https://m.org/_matrix/client/v3/rooms/%21r%3Am.org/send/m.room.message/d-1");
  EXPECT_EQ(room.headers.find("authorization"), "Bearer t");
}

TEST(ChannelSentenceTest, MeetsAnyPayload) {
  for (const char* payload : {"", "{}", "[]", "null", R"({"actor":1,"resource":[]})"})
    EXPECT_FALSE(channel_sentence("host.down", payload).empty());
}

TEST(JudgeAttemptTest, TriesAgainLaterAndLater) {
  constexpr std::int64_t kNow = 1'000'000;
  const auto judge = [](std::int64_t attempts, base::Result<net::WebResponse> answer) {
    return judge_attempt({.attempts = attempts, .created_at = kNow}, answer, kNow, 0);
  };
  const net::WebResponse busy{.status = 503, .headers = {}, .body = {}};
  EXPECT_EQ(judge(1, busy).next_at, kNow + 10'000);
  EXPECT_EQ(judge(2, busy).next_at, kNow + 20'000);
  EXPECT_EQ(judge(60, busy).next_at, kNow + 3'600'000);
  EXPECT_EQ(judge(1, busy).status, db::DeliveryStatus::kPending);
  EXPECT_EQ(judge(1, busy).response_status, 503);
  const net::WebResponse wait{
      .status = 429, .headers = net::Headers().with("Retry-After", "120"), .body = {}};
  EXPECT_EQ(judge(1, wait).next_at, kNow + 120'000);
  EXPECT_EQ(judge(1, base::fail(Code::kUnavailable, "nobody there")).error, "nobody there");
}

TEST(JudgeAttemptTest, EndsWhenItIsTakenOrHopeless) {
  const auto judge = [](base::Result<net::WebResponse> answer) {
    return judge_attempt({.attempts = 1}, answer, 0, 0.5).status;
  };
  EXPECT_EQ(judge(net::WebResponse{.status = 204, .headers = {}, .body = {}}),
            db::DeliveryStatus::kDelivered);
  EXPECT_EQ(judge(net::WebResponse{.status = 302, .headers = {}, .body = {}}),
            db::DeliveryStatus::kPending);
  EXPECT_EQ(judge(net::WebResponse{.status = 410, .headers = {}, .body = {}}),
            db::DeliveryStatus::kFailed);
  EXPECT_EQ(judge(base::fail(Code::kPermissionDenied, "inside")), db::DeliveryStatus::kFailed);
  const net::WebResponse busy{.status = 500, .headers = {}, .body = {}};
  EXPECT_EQ(judge_attempt({.attempts = 30, .created_at = 0}, busy, 86'400'000, 0).status,
            db::DeliveryStatus::kFailed);
}

}  // namespace
}  // namespace wrenn::control
