#include "db/host_registry.h"

#include <gtest/gtest.h>

#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;
using std::chrono::hours;

constexpr std::int64_t kHourMs = 3'600'000;

class HostRegistryStoreTest : public testing::Test {
 protected:
  RegisteredHost added(const std::string& name = "rack-1") {
    return registry.create({.name = name}).value();
  }
  std::string token_of(const RegisteredHost& host) {
    return std::string(registry.issue_token(host.host.id, {}, hours(1)).value().reveal());
  }
  base::Result<RegisteredHost> complete(const std::string& token) {
    return registry.complete(token, {"10.0.0.1:50051", "10.0.0.1:50052"}, {"amd64", 8, 16384, 200},
                             {"the certificate", "AB", 5000});
  }
  RegisteredHost registered(const std::string& name = "rack-1") {
    return complete(token_of(added(name))).value();
  }

  TestDatabase test;
  HostRegistry registry{test.database, test.clock()};
  HostStore hosts{test.database, test.clock()};
};

TEST_F(HostRegistryStoreTest, AHostIsPendingUntilItRegisters) {
  const auto host = added();
  EXPECT_TRUE(host.is_pending());
  EXPECT_TRUE(host.host.is_registered);
  EXPECT_FALSE(host.host.is_draining);
  EXPECT_EQ(host.host.status, HostStatus::kOffline);
  const std::string token = token_of(host);
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(registry.host_of_token(token).value(), host.host.id);
  const auto done = complete(token);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(done->is_pending());
  EXPECT_EQ(done->host.address, "10.0.0.1:50051");
  EXPECT_EQ(done->proxy_address, "10.0.0.1:50052");
  EXPECT_EQ(done->specs.memory_mb, 16384);
  EXPECT_EQ(done->certificate.pem, "the certificate");
  EXPECT_EQ(done->certificate.ends_at, 5000);
  EXPECT_EQ(done->host.status, HostStatus::kUnreachable) << "nobody has heard it yet";
}

TEST_F(HostRegistryStoreTest, ATokenIsGoodOnceAndForAnHour) {
  const auto host = added();
  const std::string first = token_of(host);
  const std::string second = token_of(host);
  EXPECT_EQ(registry.host_of_token(first).error().code, Code::kUnauthenticated) << "replaced";
  test.now += kHourMs - 1;
  EXPECT_TRUE(registry.host_of_token(second));
  test.now += 1;
  EXPECT_EQ(complete(second).error().code, Code::kUnauthenticated) << "expired";
  const std::string third = token_of(host);
  ASSERT_TRUE(complete(third));
  EXPECT_EQ(complete(third).error().code, Code::kUnauthenticated) << "used";
  EXPECT_EQ(registry.host_of_token(third).error().code, Code::kUnauthenticated);
  EXPECT_EQ(complete("").error().code, Code::kUnauthenticated);
  EXPECT_EQ(registry.issue_token(host.host.id, {}, hours(1)).error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(registry.issue_token("host-none", {}, hours(1)).error().code, Code::kNotFound);
}

TEST_F(HostRegistryStoreTest, TheTokenItselfIsNotStored) {
  const std::string token = token_of(added());
  const auto rows = test.database.read().query("SELECT * FROM host_tokens").value();
  ASSERT_EQ(rows.size(), 1u);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_NE(rows[0].text(i), token);
}

TEST_F(HostRegistryStoreTest, ANameIsTakenUntilItsHostIsRemoved) {
  const auto host = added();
  EXPECT_EQ(registry.create({.name = "rack-1"}).error().code, Code::kAlreadyExists);
  EXPECT_TRUE(registry.remove(host.host.id).value());
  EXPECT_FALSE(registry.remove(host.host.id).value());
  EXPECT_TRUE(registry.create({.name = "rack-1"}));
}

TEST_F(HostRegistryStoreTest, ARemovedHostIsNothingAnyMore) {
  const auto host = registered();
  const std::string& id = host.host.id;
  EXPECT_TRUE(hosts.heartbeat(id).value());
  ASSERT_TRUE(registry.remove(id).value());
  EXPECT_EQ(registry.get(id).error().code, Code::kNotFound);
  EXPECT_TRUE(registry.list().value().empty());
  EXPECT_TRUE(hosts.list().value().empty());
  EXPECT_FALSE(hosts.heartbeat(id).value());
  EXPECT_FALSE(registry.note_call(id, test.now).value());
  EXPECT_FALSE(registry.note_heartbeat(id, {}, {}).value());
  EXPECT_FALSE(registry.renew(id, {}).value());
  EXPECT_FALSE(registry.set_draining(id, Draining::kYes).value());
  // The row stays, for the sandboxes that were there.
  EXPECT_EQ(hosts.get(id).value().status, HostStatus::kOffline);
}

TEST_F(HostRegistryStoreTest, ATokenOfARemovedHostIsWorthless) {
  const auto host = added();
  const std::string token = token_of(host);
  ASSERT_TRUE(registry.remove(host.host.id).value());
  EXPECT_EQ(complete(token).error().code, Code::kUnauthenticated);
}

TEST_F(HostRegistryStoreTest, ACallCountsOnce) {
  const std::string id = registered().host.id;
  EXPECT_TRUE(registry.note_call(id, 1000).value());
  EXPECT_FALSE(registry.note_call(id, 1000).value());
  EXPECT_FALSE(registry.note_call(id, 999).value());
  EXPECT_TRUE(registry.note_call(id, 1001).value());
  EXPECT_FALSE(registry.note_call(added("another").host.id, 1000).value()) << "it is pending";
}

TEST_F(HostRegistryStoreTest, HeartbeatsAndRenewalsAreKept) {
  const std::string id = registered().host.id;
  test.now += 30'000;
  EXPECT_TRUE(
      registry.note_heartbeat(id, {"10.0.0.2:1", "10.0.0.2:2"}, {.arch = "amd64", .cpu_cores = 16})
          .value());
  EXPECT_TRUE(registry.renew(id, {"the next one", "CD", 9000}).value());
  const auto host = registry.get(id).value();
  EXPECT_EQ(host.last_heartbeat_at, test.now);
  EXPECT_EQ(host.host.address, "10.0.0.2:1");
  EXPECT_EQ(host.specs.cpu_cores, 16);
  EXPECT_EQ(host.certificate.serial, "CD");
}

TEST_F(HostRegistryStoreTest, DrainingIsSetAndTakenBack) {
  const std::string id = registered().host.id;
  EXPECT_TRUE(registry.set_draining(id, Draining::kYes).value());
  EXPECT_TRUE(registry.get(id).value().host.is_draining);
  EXPECT_TRUE(hosts.get(id).value().is_draining);
  EXPECT_TRUE(registry.set_draining(id, Draining::kNo).value());
  EXPECT_FALSE(registry.get(id).value().host.is_draining);
}

TEST_F(HostRegistryStoreTest, AHostNamedByAFlagIsListedButNotRegistered) {
  ASSERT_TRUE(hosts.upsert({.id = "host-a", .name = "local", .address = "unix:/a"}));
  const auto all = registry.list().value();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_FALSE(all[0].host.is_registered);
  EXPECT_FALSE(registry.remove("host-a").value());
  EXPECT_TRUE(registry.set_draining("host-a", Draining::kYes).value());
}

TEST_F(HostRegistryStoreTest, ATeamSeesItsOwn) {
  added("everybodys");
  const std::string team = "team-0000000000000000000000000";
  ASSERT_TRUE(registry.create({.name = "own", .team_id = team}));
  const auto own = registry.list_of_team(team).value();
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].host.name, "own");
  EXPECT_EQ(own[0].host.team_id, team);
}

TEST_F(HostRegistryStoreTest, OldTokensAreForgotten) {
  token_of(added());
  ASSERT_TRUE(registry.clear_old_tokens());
  EXPECT_EQ(test.database.read().query("SELECT id FROM host_tokens").value().size(), 1u);
  test.now += 60LL * 24 * kHourMs;
  ASSERT_TRUE(registry.clear_old_tokens());
  EXPECT_TRUE(test.database.read().query("SELECT id FROM host_tokens").value().empty());
}

TEST(HostRegistryTest, LabelsAreSetAndTakenAway) {
  TestDatabase test;
  HostRegistry registry(test.database, test.clock());
  const std::string id =
      registry.create({.name = "rack-1", .labels = {{"zone", "a"}, {"disk", "fast"}}})->host.id;
  const auto changed =
      registry.change_labels(id, {{"zone", "b"}, {"disk", std::nullopt}, {"gone", std::nullopt}});
  const std::map<std::string, std::string> expected = {{"zone", "b"}};
  EXPECT_EQ(changed->host.labels, expected);
  EXPECT_EQ(HostStore(test.database).get(id)->labels, expected);
  LabelChanges many;
  for (std::size_t i = 0; i < kMaxLabels; ++i) many[base::concat("label", i)] = "x";
  EXPECT_EQ(registry.change_labels(id, many).error().code, Code::kInvalidArgument);
  EXPECT_EQ(registry.change_labels("host-none", {}).error().code, Code::kNotFound);
  ASSERT_TRUE(registry.remove(id).value());
  EXPECT_EQ(registry.change_labels(id, {}).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace wrenn::db
