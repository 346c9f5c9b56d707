#include "db/template_store.h"

#include <gtest/gtest.h>

#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

TemplateReference reference(std::string_view text) {
  return parse_template_reference(text).value();
}

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
  const auto found = templates_.get(kDefaultTeam, reference("mine"));
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
  EXPECT_EQ(templates_.get("team-2", reference("mine")).value().id, "tpl-3");
  EXPECT_EQ(templates_.list(kDefaultTeam).value().size(), 1u);
}

TEST_F(TemplateStoreTest, RemovedIsUnknown) {
  ASSERT_TRUE(templates_.insert(sample("tpl-1", "mine")));
  EXPECT_FALSE(templates_.remove("team-2", "tpl-1").value());
  EXPECT_TRUE(templates_.remove(kDefaultTeam, "tpl-1").value());
  EXPECT_FALSE(templates_.remove(kDefaultTeam, "tpl-1").value());
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("mine")).error().code, base::Code::kNotFound);
  EXPECT_TRUE(templates_.insert(sample("tpl-1", "mine"))) << "the name is free";
}

TEST_F(TemplateStoreTest, EachBuildIsTheNextVersionAndItsTagPointsToIt) {
  Template first = sample("tpl-1", "web");
  first.build_id = "bld-1";
  EXPECT_EQ(templates_.publish(first, "latest").value().version, 1);
  EXPECT_EQ(templates_.publish(sample("tpl-2", "web"), "next").value().version, 2);
  EXPECT_EQ(templates_.publish(sample("tpl-3", "web", "team-2"), "latest").value().version, 1);
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("web")).value().id, "tpl-1");
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("web:next")).value().id, "tpl-2");
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("web@2")).value().id, "tpl-2");
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("web@3")).error().message,
            "there is no template 'web@3'");
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("web:old")).error().message,
            "there is no template 'web:old'");
  EXPECT_FALSE(templates_.insert(sample("tpl-4", "web"))) << "the name is taken";

  ASSERT_TRUE(templates_.set_tag(kDefaultTeam, "web", "latest", 2));
  EXPECT_EQ(templates_.get(kDefaultTeam, reference("web")).value().tags,
            (std::vector<std::string>{"latest", "next"}));
  EXPECT_EQ(templates_.set_tag(kDefaultTeam, "web", "latest", 9).error().code,
            base::Code::kNotFound);
  const auto versions = templates_.versions(kDefaultTeam, "web").value();
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_EQ(versions[0].version, 2);
  EXPECT_TRUE(versions[1].tags.empty());
  EXPECT_TRUE(templates_.remove_tag(kDefaultTeam, "web", "next").value());
  EXPECT_FALSE(templates_.remove_tag(kDefaultTeam, "web", "next").value());
}

TEST_F(TemplateStoreTest, WhatNoTagPointsToAnyMoreIsFound) {
  Template built = sample("tpl-1", "web");
  built.build_id = "bld-1";
  ASSERT_TRUE(templates_.publish(built, "latest"));
  built.id = "tpl-2";
  ASSERT_TRUE(templates_.publish(built, "latest"));
  const std::int64_t later = templates_.get(kDefaultTeam, reference("web")).value().created_at + 1;
  const auto found = templates_.list_untagged(later, 10).value();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().id, "tpl-1");
  EXPECT_TRUE(templates_.list_untagged(later - 1, 10).value().empty()) << "it may be in use";
}

TEST(TemplateReferenceTest, NameTagAndVersion) {
  EXPECT_EQ(parse_template_reference("web").value().tag, "latest");
  EXPECT_EQ(parse_template_reference("web:v1.2").value().tag, "v1.2");
  const auto version = parse_template_reference("web@12").value();
  EXPECT_EQ(version.name, "web");
  EXPECT_EQ(version.version, 12);
  EXPECT_EQ(version.tag, "");
  for (const char* bad : {"", ":x", "@1", "web:", "web:a b", "web:-a", "web@", "web@0", "web@-1",
                          "web@1x", "web@99999999999999999999"}) {
    EXPECT_FALSE(parse_template_reference(bad)) << bad;
  }
}

}  // namespace
}  // namespace wrenn::db
