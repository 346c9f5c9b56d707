#include "db/channel_store.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

constexpr std::int64_t kLease = 60'000;
constexpr std::int64_t kDay = 24LL * 3600 * 1000;

class ChannelStoreTest : public testing::Test {
 protected:
  Channel make(std::string name, std::vector<std::string> events = {"capsule.created"}) {
    return store_
        .create({.team_id = std::string(kDefaultTeam),
                 .name = std::move(name),
                 .provider = "webhook",
                 .config = base::Secret("the secret"),
                 .events = std::move(events)})
        .value();
  }
  AuditEntry entry(std::string id, std::string action = "capsule.create") {
    return {.id = std::move(id),
            .team_id = std::string(kDefaultTeam),
            .actor = AuditActor::kUser,
            .actor_id = "usr-1",
            .actor_name = "Ada",
            .action = std::move(action),
            .resource_type = "capsule",
            .resource_id = "cl-1",
            .code = {},
            .client_address = {},
            .user_agent = {},
            .request_id = {},
            .at = test_.now};
  }
  void log(const AuditEntry& one) {
    const auto added = AuditStore(test_.database).add(std::vector{one});
    ASSERT_TRUE(added) << added.error().to_string();
  }
  std::vector<Delivery> all(const Channel& channel) {
    return store_.deliveries(channel.id, "", 100).value();
  }
  Channel look(const Channel& channel) { return store_.get(kDefaultTeam, channel.id).value(); }

  TestDatabase test_;
  base::Sealer sealer_ = base::Sealer::create(base::Secret(std::string(32, 'k'))).value();
  ChannelStore store_{test_.database, sealer_, test_.clock()};
};

TEST_F(ChannelStoreTest, KeepsWhatItIsGivenAndSealsTheConfig) {
  const Channel made = make("a", {"capsule.created", "host.down"});
  const auto [read, config] = store_.with_config(made.id).value();
  EXPECT_EQ(read.events, made.events);
  EXPECT_EQ(config.reveal(), "the secret");
  const auto raw = test_.database.read().query("SELECT sealed_config FROM channels").value();
  EXPECT_FALSE(raw.front().text(0).contains("secret"));
  EXPECT_EQ(store_.get("team-other", made.id).error().code, base::Code::kNotFound);
}

TEST_F(ChannelStoreTest, NamesAreUniqueAndListedInOrder) {
  make("b");
  make("a");
  const auto again = store_.create({.team_id = std::string(kDefaultTeam),
                                    .name = "a",
                                    .provider = "slack",
                                    .config = base::Secret("x"),
                                    .events = {"host.up"}});
  EXPECT_EQ(again.error().code, base::Code::kAlreadyExists);
  const auto first = store_.list(kDefaultTeam, "", 1).value();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first.front().name, "a");
  EXPECT_EQ(store_.list(kDefaultTeam, "a", 10).value().front().name, "b");
}

TEST_F(ChannelStoreTest, AnUpdateOfAnOldVersionIsRefused) {
  const Channel made = make("a");
  const auto changed = store_.update(kDefaultTeam, made.id, {.name = "b"}, made.updated_at);
  ASSERT_TRUE(changed && *changed);
  EXPECT_GT((*changed)->updated_at, made.updated_at);
  EXPECT_FALSE(*store_.update(kDefaultTeam, made.id, {.name = "c"}, made.updated_at));
  EXPECT_EQ(look(made).name, "b");
}

TEST_F(ChannelStoreTest, AnEntryIsToldToWhoAsksForItOnce) {
  const Channel wants = make("a");
  const Channel other = make("b", {"capsule.paused"});
  log(entry("1"));
  log(entry("1"));
  AuditEntry failed = entry("2");
  failed.code = "conflict";
  log(failed);
  log(entry("3", "capsule.exec"));
  ASSERT_EQ(all(wants).size(), 1u);
  EXPECT_TRUE(all(other).empty());
  const Delivery delivery = all(wants).front();
  EXPECT_EQ(delivery.event, "capsule.created");
  EXPECT_EQ(delivery.payload,
            R"({"event":"capsule.created","timestamp":"2023-11-14T22:13:20.000Z",)"
            R"("team_id":"team-0000000000000000000000000",)"
            R"("actor":{"type":"user","id":"usr-1","name":"Ada"},)"
            R"("resource":{"id":"cl-1","type":"capsule"}})");
}

TEST_F(ChannelStoreTest, AForkIsToldForEachCopy) {
  const Channel channel = make("a");
  AuditEntry fork = entry("1", "capsule.fork");
  fork.metadata = R"({"forks":"cl-2,cl-3"})";
  log(fork);
  ASSERT_EQ(all(channel).size(), 2u);
  EXPECT_TRUE(all(channel)[0].payload.contains("cl-2") != all(channel)[1].payload.contains("cl-2"));
}

TEST_F(ChannelStoreTest, OfAChannelOneIsClaimedAtATime) {
  const Channel a = make("a");
  make("b");
  log(entry("1"));
  log(entry("2"));
  const auto first = store_.claim(10, kLease).value();
  ASSERT_EQ(first.size(), 2u) << "one of each channel";
  EXPECT_EQ(first.front().attempts, 1);
  EXPECT_TRUE(store_.claim(10, kLease)->empty()) << "both are at work";
  const auto of_a = std::ranges::find(first, a.id, &Delivery::channel_id);
  ASSERT_NE(of_a, first.end());
  EXPECT_TRUE(store_.finish(*of_a, {.status = DeliveryStatus::kDelivered, .response_status = 200}));
  const auto next = store_.claim(10, kLease).value();
  ASSERT_EQ(next.size(), 1u);
  EXPECT_EQ(next.front().channel_id, a.id);
  EXPECT_NE(next.front().id, of_a->id);
}

TEST_F(ChannelStoreTest, WhatADeadOneClaimedIsTriedAgain) {
  make("a");
  log(entry("1"));
  const auto lost = store_.claim(10, kLease).value();
  ASSERT_EQ(lost.size(), 1u);
  test_.now += kLease;
  const auto again = store_.claim(10, kLease).value();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again.front().id, lost.front().id);
  EXPECT_EQ(again.front().attempts, 2);
  // Not dead after all: the other one has the say now.
  EXPECT_TRUE(store_.finish(lost.front(), {.status = DeliveryStatus::kFailed, .error = "late"}));
  EXPECT_TRUE(store_.finish(again.front(), {.status = DeliveryStatus::kDelivered}));
  EXPECT_EQ(store_.deliveries(lost.front().channel_id, "", 1)->front().status,
            DeliveryStatus::kDelivered);
}

TEST_F(ChannelStoreTest, ATryThatFailedWaitsForItsTime) {
  const Channel channel = make("a");
  log(entry("1"));
  const Delivery delivery = store_.claim(1, kLease)->front();
  EXPECT_TRUE(
      store_.finish(delivery, {.next_at = test_.now + 10, .response_status = 503, .error = "no"}));
  EXPECT_TRUE(store_.claim(1, kLease)->empty());
  test_.now += 10;
  const Delivery again = store_.claim(1, kLease)->front();
  EXPECT_EQ(again.response_status, 503);
  EXPECT_TRUE(store_.finish(again, {.status = DeliveryStatus::kFailed, .error = "no"}));
  EXPECT_EQ(all(channel).front().status, DeliveryStatus::kFailed);
  EXPECT_TRUE(store_.redeliver(channel.id, again.id).value());
  EXPECT_FALSE(store_.redeliver(channel.id, again.id).value()) << "it waits already";
  EXPECT_EQ(store_.claim(1, kLease)->front().attempts, 1);
}

TEST_F(ChannelStoreTest, AChannelThatTakesNothingForDaysIsDisabled) {
  const Channel channel = make("a");
  const auto fail_one = [this](const std::string& id) {
    log(entry(id));
    const Delivery delivery = store_.claim(1, kLease)->front();
    EXPECT_TRUE(store_.finish(delivery, {.status = DeliveryStatus::kFailed, .error = "gone"}));
  };
  fail_one("1");
  test_.now += 4 * kDay;
  fail_one("2");
  EXPECT_EQ(look(channel).disabled_reason, "");
  test_.now += kDay;
  fail_one("3");
  EXPECT_TRUE(look(channel).disabled_reason.contains("gone"));
  log(entry("4"));
  EXPECT_TRUE(store_.claim(1, kLease)->empty());
  EXPECT_TRUE(store_.update(kDefaultTeam, channel.id, {.disabled_reason = ""}));
  fail_one("5");
  EXPECT_EQ(look(channel).disabled_reason, "") << "counted anew";
}

TEST_F(ChannelStoreTest, WhatIsOldAndOverIsForgotten) {
  const Channel channel = make("a");
  log(entry("1"));
  log(entry("2"));
  const Delivery delivery = store_.claim(1, kLease)->front();
  EXPECT_TRUE(store_.finish(delivery, {.status = DeliveryStatus::kDelivered}));
  test_.now += kDay;
  EXPECT_EQ(store_.forget(test_.now, 10).value(), 1);
  EXPECT_EQ(all(channel).size(), 1u);
  EXPECT_TRUE(store_.remove(kDefaultTeam, channel.id).value());
  EXPECT_TRUE(all(channel).empty());
}

TEST_F(ChannelStoreTest, DeliveriesComeInPages) {
  const Channel channel = make("a");
  for (const char* id : {"1", "2", "3"}) log(entry(id));
  const auto first = store_.deliveries(channel.id, "", 2).value();
  ASSERT_EQ(first.size(), 2u);
  const auto second = store_.deliveries(channel.id, first.back().id, 2).value();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_TRUE(std::ranges::find(first, second.front().id, &Delivery::id) == first.end());
}

}  // namespace
}  // namespace wrenn::db
