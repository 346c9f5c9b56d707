#include "db/template_store.h"

#include <gtest/gtest.h>

#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

class TemplateStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        test_.database.write().execute("INSERT INTO hosts (id, name, address, status, created_at) "
                                       "VALUES ('host-1', 'one', 'here', 'online', 0)"));
    ASSERT_TRUE(test_.database.write().execute(
        "INSERT INTO teams (id, name, created_at) VALUES ('team-2', 'Other', 0)"));
  }

  static Template sample(std::string id, std::string name,
                         std::string team = std::string(kDefaultTeam)) {
    return {.id = std::move(id),
            .team_id = std::move(team),
            .name = std::move(name),
            .host_id = "host-1",
            .sandbox_id = "cl-a",
            .vcpus = 2,
            .memory_mb = 1024,
            .disk_mb = 5120,
            .size_bytes = 123456789};
  }

  TestDatabase test_;
  TemplateStore templates_{test_.database, test_.clock()};
};

TEST_F(TemplateStoreTest, InsertAndGet) {
  ASSERT_TRUE(templates_.insert(sample("tpl-1", "mine")));
  const auto found = templates_.get(kDefaultTeam, "mine");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "tpl-1");
  EXPECT_EQ(found->vcpus, 2);
  EXPECT_EQ(found->memory_mb, 1024);
  EXPECT_EQ(found->size_bytes, 123456789);
  EXPECT_GT(found->created_at, 0);
}

TEST_F(TemplateStoreTest, ANameIsATeamsOwn) {
  ASSERT_TRUE(templates_.insert(sample("tpl-1", "mine")));
  const auto again = templates_.insert(sample("tpl-2", "mine"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, base::Code::kAlreadyExists);
  EXPECT_TRUE(templates_.insert(sample("tpl-3", "mine", "team-2")));
  EXPECT_EQ(templates_.get("team-2", "mine").value().id, "tpl-3");
  EXPECT_EQ(templates_.list(kDefaultTeam).value().size(), 1u);
}

TEST_F(TemplateStoreTest, RemovedIsUnknown) {
  ASSERT_TRUE(templates_.insert(sample("tpl-1", "mine")));
  EXPECT_FALSE(templates_.remove("team-2", "mine").value());
  EXPECT_TRUE(templates_.remove(kDefaultTeam, "mine").value());
  EXPECT_FALSE(templates_.remove(kDefaultTeam, "mine").value());
  EXPECT_EQ(templates_.get(kDefaultTeam, "mine").error().code, base::Code::kNotFound);
}

}  // namespace
}  // namespace wrenn::db
