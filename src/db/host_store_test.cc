#include "db/host_store.h"

#include <gtest/gtest.h>

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
