#include "db/layer_store.h"

#include <gtest/gtest.h>

#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

class LayerStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* host : {"host-1", "host-2"}) {
      ASSERT_TRUE(test_.database.write().execute(
          "INSERT INTO hosts (id, name, address, status, created_at) VALUES ($1, $1, 'here', "
          "'online', 0)",
          {std::string(host)}));
    }
  }

  void put(std::string id, std::string key, std::string host = "host-1") {
    ASSERT_TRUE(layers_.put({.id = std::move(id),
                             .team_id = std::string(kDefaultTeam),
                             .cache_key = std::move(key),
                             .host_id = std::move(host),
                             .vcpus = 2,
                             .memory_mb = 512,
                             .disk_mb = 5120,
                             .size_bytes = 10}));
  }

  TestDatabase test_;
  LayerStore layers_{test_.database, test_.clock()};
};

TEST_F(LayerStoreTest, FoundByKeyOnEachHost) {
  put("tpl-1", "a");
  put("tpl-2", "a", "host-2");
  put("tpl-3", "b");
  EXPECT_EQ(layers_.find(kDefaultTeam, {"a", "x"}).value().size(), 2u);
  const Layer found = layers_.find(kDefaultTeam, {"b"}).value().front();
  EXPECT_EQ(found.id, "tpl-3");
  EXPECT_EQ(found.vcpus, 2);
  EXPECT_EQ(found.disk_mb, 5120);
  EXPECT_TRUE(layers_.find("team-2", {"a"}).value().empty());
  EXPECT_TRUE(layers_.find(kDefaultTeam, {}).value().empty());
}

TEST_F(LayerStoreTest, ANewerOneTakesThePlaceOfTheOlder) {
  put("tpl-1", "a");
  put("tpl-2", "a");
  const auto found = layers_.find(kDefaultTeam, {"a"}).value();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().id, "tpl-2");
  EXPECT_EQ(layers_.list_unused(1, 10).value().front().id, "tpl-1") << "to be removed";
}

TEST_F(LayerStoreTest, WhatIsNotUsedIsFoundToBeRemoved) {
  put("tpl-1", "a");
  put("tpl-2", "b");
  test_.now += 100;
  EXPECT_TRUE(layers_.touch("tpl-2").value());
  const std::int64_t used = layers_.find(kDefaultTeam, {"b"}).value().front().used_at;
  const auto unused = layers_.list_unused(used, 10).value();
  ASSERT_EQ(unused.size(), 1u);
  EXPECT_EQ(unused.front().id, "tpl-1");
  ASSERT_TRUE(layers_.remove("tpl-1"));
  EXPECT_FALSE(layers_.touch("tpl-1").value());
  EXPECT_TRUE(layers_.list_unused(used, 10).value().empty());
  ASSERT_TRUE(layers_.discard("tpl-2"));
  EXPECT_TRUE(layers_.find(kDefaultTeam, {"b"}).value().empty());
  EXPECT_EQ(layers_.list_unused(1, 10).value().front().id, "tpl-2");
}

}  // namespace
}  // namespace wrenn::db
