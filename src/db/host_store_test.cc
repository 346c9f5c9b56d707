#include "db/host_store.h"

#include <gtest/gtest.h>

#include "db/host_registry.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;

class HostStoreTest : public testing::Test {
 protected:
  Host host(const std::string& id, HostStatus status = HostStatus::kOnline) {
    Host h;
    h.id = id;
    h.name = "name of " + id;
    h.address = "127.0.0.1:9091";
    h.status = status;
    return h;
  }
  TestDatabase test_;
  HostStore store_{test_.database, test_.clock()};
};

TEST_F(HostStoreTest, UpsertKeepsWhenItWasFirstSeen) {
  const auto created = store_.upsert(host("host-a")).value();
  EXPECT_EQ(created.created_at, test_.now);
  EXPECT_EQ(created.last_seen_at, test_.now);
  test_.now += 1000;
  auto changed = host("host-a", HostStatus::kOffline);
  changed.address = "10.0.0.1:1";
  ASSERT_TRUE(store_.upsert(changed));
  const auto read = store_.get("host-a").value();
  EXPECT_EQ(read.created_at, test_.now - 1000);
  EXPECT_EQ(read.last_seen_at, test_.now - 1000) << "an offline host was not seen";
  EXPECT_EQ(read.address, "10.0.0.1:1");
  EXPECT_EQ(read.status, HostStatus::kOffline);
}

TEST_F(HostStoreTest, SilentHostsBecomeUnreachableUntilHeard) {
  ASSERT_TRUE(store_.upsert(host("host-a")));
  ASSERT_TRUE(store_.upsert(host("host-b")));
  test_.now += 60'000;
  EXPECT_TRUE(store_.heartbeat("host-b").value());
  EXPECT_FALSE(store_.heartbeat("host-none").value());
  EXPECT_TRUE(store_.mark_silent("host-a", 30'000).value());
  EXPECT_FALSE(store_.mark_silent("host-a", 30'000).value()) << "told once";
  EXPECT_FALSE(store_.mark_silent("host-b", 30'000).value());
  EXPECT_EQ(store_.get("host-a").value().status, HostStatus::kUnreachable);
  EXPECT_TRUE(store_.heartbeat("host-a").value());
  EXPECT_EQ(store_.get("host-a").value().status, HostStatus::kOnline);
}

TEST_F(HostStoreTest, WhatAHostHasIsWhatItSaidLast) {
  ASSERT_TRUE(store_.upsert(host("host-a")));
  const HostReport report{.arch = "amd64",
                          .capacity = {.cpu_cores = 2,
                                       .memory_mb = 8192,
                                       .memory_reserved_mb = 512,
                                       .disk_mb = 100'000},
                          .memory_free_mb = 4000,
                          .disk_free_mb = 50'000};
  EXPECT_TRUE(store_.heartbeat("host-a", report).value());
  EXPECT_TRUE(store_.heartbeat("host-a").value()) << "an older agent says nothing";
  const Host read = store_.get("host-a").value();
  EXPECT_EQ(read.capacity.cpu_cores, 2);
  EXPECT_EQ(read.capacity.memory_mb, 8192);
  EXPECT_EQ(read.capacity.memory_reserved_mb, 512);
  EXPECT_EQ(read.capacity.disk_mb, 100'000);
  EXPECT_EQ(read.memory_free_mb, 4000);
  EXPECT_EQ(read.disk_free_mb, 50'000);
  const RegisteredHost shown = HostRegistry(test_.database).get("host-a").value();
  EXPECT_EQ(shown.specs.arch, "amd64");
  EXPECT_EQ(shown.specs.disk_gb, 104);
}

TEST_F(HostStoreTest, ARegisteredHostHasWhatItRegisteredWithUntilItSaysMore) {
  HostRegistry registry(test_.database);
  const std::string id = registry.create({.name = "rack-1"})->host.id;
  const auto token = registry.issue_token(id, std::nullopt, std::chrono::hours(1)).value();
  ASSERT_TRUE(registry.complete(token.reveal(), {"10.0.0.1:1", "10.0.0.1:2"},
                                {.arch = "amd64", .cpu_cores = 8, .memory_mb = 1000, .disk_gb = 10},
                                {}));
  EXPECT_EQ(store_.get(id)->capacity.disk_mb, 9536);
  EXPECT_TRUE(
      store_.heartbeat(id, HostReport{.arch = "amd64", .capacity = {.disk_mb = 9000}}).value());
  EXPECT_EQ(store_.get(id)->capacity.disk_mb, 9000);
  EXPECT_EQ(registry.get(id)->specs.disk_gb, 10) << "which is the host's own word";
}

TEST_F(HostStoreTest, ListsByName) {
  ASSERT_TRUE(store_.upsert(host("host-b")));
  ASSERT_TRUE(store_.upsert(host("host-a")));
  const auto hosts = store_.list().value();
  ASSERT_EQ(hosts.size(), 2u);
  EXPECT_EQ(hosts[0].id, "host-a");
  EXPECT_EQ(store_.get("host-none").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace wrenn::db
