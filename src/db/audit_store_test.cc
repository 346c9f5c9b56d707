#include "db/audit_store.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

class AuditStoreTest : public testing::Test {
 protected:
  AuditEntry entry(std::string id, std::int64_t at) const {
    return {.id = std::move(id),
            .team_id = "team-a",
            .actor = AuditActor::kUser,
            .actor_id = "usr-1",
            .actor_name = "Ada",
            .action = "sandbox.create",
            .resource_type = "sandbox",
            .resource_id = "cl-1",
            .code = "not_found",
            .client_address = "192.0.2.1",
            .user_agent = "wrenn/1",
            .request_id = "req-1",
            .metadata = R"({"count":2})",
            .at = at};
  }
  void add(const std::vector<AuditEntry>& entries) {
    const auto added = store_.add(entries);
    ASSERT_TRUE(added) << added.error().to_string();
  }
  std::string ids(const AuditQuery& query) {
    const auto entries = store_.list(query);
    EXPECT_TRUE(entries) << entries.error().to_string();
    std::string all;
    for (const auto& entry : entries.value_or(std::vector<AuditEntry>())) all += entry.id;
    return all;
  }

  TestDatabase test_;
  AuditStore store_{test_.database};
};

TEST_F(AuditStoreTest, AnEntryIsReadAsItWasWritten) {
  const AuditEntry written = entry("a", 1'700'000'000'123);
  add({written});
  const auto read = store_.list({.team_id = "team-a"}).value();
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read.front(), written);
  for (const auto actor : {AuditActor::kApiKey, AuditActor::kSystem, AuditActor::kAnonymous}) {
    AuditEntry other = entry(std::string(actor_name(actor)), 1'700'000'000'124);
    other.actor = actor;
    other.team_id = std::string(actor_name(actor));
    add({other});
    EXPECT_EQ(store_.list({.team_id = other.team_id}).value().front(), other);
  }
}

TEST_F(AuditStoreTest, OneThingsEntriesAreFoundAndThoseOfATime) {
  AuditEntry other = entry("b", 20);
  other.resource_id = "cl-2";
  add({entry("a", 10), other, entry("c", 30)});
  EXPECT_EQ(ids({.team_id = "team-a", .resource_ids = {"cl-1"}}), "ca");
  EXPECT_EQ(ids({.team_id = "team-a", .resource_ids = {"cl-1", "cl-2"}}), "cba");
  EXPECT_EQ(ids({.team_id = "team-a", .resource_ids = {"cl-3"}}), "");
  EXPECT_EQ(ids({.team_id = "team-a", .after = 20}), "cb");
}

TEST_F(AuditStoreTest, WhatWasDoneIsListedForSeveralTeams) {
  const auto done = [&](std::vector<std::string> teams, std::int64_t since) {
    std::string all;
    const auto entries = store_.list_done(teams, "sandbox", since, 10);
    EXPECT_TRUE(entries) << entries.error().to_string();
    for (const auto& one : entries.value_or(std::vector<AuditEntry>())) all += one.id;
    return all;
  };
  std::vector<AuditEntry> entries = {entry("a", 10), entry("b", 20), entry("c", 30),
                                     entry("d", 40)};
  for (AuditEntry& one : entries) one.code.clear();
  entries[1].team_id = "team-b";
  entries[2].code = "not_found";
  entries[3].resource_type = "build";
  add(entries);
  EXPECT_EQ(done({"team-a", "team-b"}, 0), "ab");
  EXPECT_EQ(done({"team-b"}, 0), "b");
  EXPECT_EQ(done({"team-a", "team-b"}, 11), "b");
  EXPECT_EQ(done({}, 0), "");
}

TEST_F(AuditStoreTest, ABatchGivenAgainIsThereOnce) {
  add({entry("a", 1)});
  add({entry("a", 1), entry("b", 2)});
  EXPECT_EQ(ids({}), "ba");
  EXPECT_TRUE(store_.add({}));
}

TEST_F(AuditStoreTest, PagesSkipAndRepeatNothingWithinAMillisecond) {
  add({entry("a", 1), entry("d", 2), entry("b", 2), entry("c", 2), entry("e", 3)});
  EXPECT_EQ(ids({}), "edcba");
  std::string seen;
  AuditQuery query{.limit = 2};
  for (int page = 0; page < 4; ++page) {
    const auto entries = store_.list(query).value();
    if (entries.empty()) break;
    for (const auto& entry : entries) seen += entry.id;
    query.before = AuditCursor{entries.back().at, entries.back().id};
  }
  EXPECT_EQ(seen, "edcba");
  EXPECT_EQ(ids({.before = AuditCursor{2, ""}}), "a");
}

TEST_F(AuditStoreTest, EachFilterHoldsBackWhatItNames) {
  AuditEntry other = entry("b", 2);
  other.team_id = "team-b";
  AuditEntry secret = entry("c", 3);
  secret.is_for_admins = true;
  AuditEntry key = entry("d", 4);
  key.action = "api_key.create";
  key.resource_type = "api_key";
  add({entry("a", 1), other, secret, key});
  EXPECT_EQ(ids({.team_id = "team-a"}), "da");
  EXPECT_EQ(ids({.team_id = "team-a", .with_admins = true}), "dca");
  EXPECT_EQ(ids({.with_admins = true}), "dcba");
  EXPECT_EQ(ids({.actions = {"api_key.create"}}), "d");
  EXPECT_EQ(ids({.actions = {"api_key.create", "sandbox.create"}}), "dba");
  EXPECT_EQ(ids({.team_id = "team-b", .resource_types = {"sandbox", "x"}}), "b");
  EXPECT_EQ(ids({.actions = {"sandbox.create"}, .resource_types = {"api_key"}}), "");
}

TEST_F(AuditStoreTest, WhoDidItIsFoundByAPartOfTheName) {
  AuditEntry other = entry("b", 2);
  other.actor = AuditActor::kApiKey;
  other.actor_id = "key-1";
  other.actor_name = "CI_100% of it!";
  add({entry("a", 1), other});
  EXPECT_EQ(ids({.actor = "ci_100%"}), "b");
  EXPECT_EQ(ids({.actor = "of IT!"}), "b");
  EXPECT_EQ(ids({.actor = "KEY-1"}), "b");
  EXPECT_EQ(ids({.actor = "api_key"}), "b");
  for (const char* no : {"1_0", "c%i", "nobody", "key-1 api_key%"}) {
    EXPECT_EQ(ids({.actor = no}), "") << no;
  }
}

TEST_F(AuditStoreTest, WhatIsOldIsForgottenInParts) {
  add({entry("a", 1), entry("b", 2), entry("c", 3), entry("d", 4)});
  EXPECT_EQ(store_.forget(4, 2).value(), 2);
  EXPECT_EQ(ids({}), "dc");
  EXPECT_EQ(store_.forget(4, 2).value(), 1);
  EXPECT_EQ(store_.forget(4, 2).value(), 0);
  EXPECT_EQ(ids({}), "d");
}

}  // namespace
}  // namespace wrenn::db
