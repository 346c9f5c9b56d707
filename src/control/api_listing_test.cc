// Finding sandboxes: labels, filters and pages, over HTTP.
#include <gtest/gtest.h>

#include "control/test_people.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

Task<std::string> new_labelled(World& world, std::string labels) {
  const Got made = co_await world.call("POST", "/v1/capsules", concat("{\"labels\":", labels, "}"));
  EXPECT_EQ(made.status, 201) << made.body;
  co_return World::id_in(made.body);
}

std::vector<std::string> ids_in(const Got& got) {
  std::vector<std::string> ids;
  constexpr std::string_view kMark = "{\"id\":\"";
  for (auto at = got.body.find(kMark); at != std::string::npos; at = got.body.find(kMark, at + 1)) {
    ids.push_back(got.body.substr(at + kMark.size(), 28));
  }
  return ids;
}

Task<void> check_labels(World& world) {
  const std::string first = co_await new_labelled(world, R"({"user":"ann","run":"7"})");
  const std::string second = co_await new_labelled(world, R"({"user":"bob"})");
  const std::string path = "/v1/capsules/" + first;
  EXPECT_TRUE((co_await world.call("GET", path)).has(R"("labels":{"run":"7","user":"ann"})"));
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?label=user%3Dann")),
            (std::vector{first}));
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?label=user=ann&label=run=8")).size(),
            0u);

  const Got changed =
      co_await world.call("PATCH", path, R"({"labels":{"user":null,"stage":"two"}})");
  EXPECT_EQ(changed.status, 200);
  EXPECT_TRUE(changed.has(R"("labels":{"run":"7","stage":"two"})")) << changed.body;
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?label=user=ann")).size(), 0u);
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?label=stage=two")),
            (std::vector{first}));

  const Got forked =
      co_await world.call("POST", path + "/fork", R"({"labels":{"run":null,"copy":"yes"}})");
  EXPECT_TRUE(forked.has(R"("labels":{"copy":"yes","stage":"two"})")) << forked.body;
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?label=stage=two")).size(), 2u);
}

Task<void> check_all_teams(World& world) {
  const std::string admin = admin_token(world);
  const Other other = other_team(world);
  const std::string own = co_await new_labelled(world, "{}");
  const Got made =
      co_await world.call("POST", "/v1/capsules", R"({"labels":{"a":"b"}})", other.key);
  const std::string theirs = World::id_in(made.body);
  const auto host = world.sandboxes.get_any_team(theirs)->host_id.value();
  EXPECT_TRUE(made.has(concat(R"("host_id":")", host, '"'))) << made.body;

  const auto list = [&](std::string query) {
    return world.call("GET", concat("/v1/admin/capsules", query), "", bearer(admin));
  };
  const Got all = co_await list("");
  EXPECT_EQ(ids_in(all).size(), 2u) << all.body;
  EXPECT_TRUE(all.has(concat(R"("team_id":")", other.team_id, '"'))) << all.body;
  EXPECT_EQ(ids_in(co_await list("?team_id=" + other.team_id)), (std::vector{theirs}));
  EXPECT_EQ(ids_in(co_await list("?label=a=b&host_id=" + host)), (std::vector{theirs}));
  EXPECT_TRUE(ids_in(co_await list("?host_id=another")).empty());
  EXPECT_TRUE((co_await list("?limit=1")).headers.find("x-next-cursor"));
  EXPECT_EQ((co_await list("?status=asleep")).status, 400);
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?host_id=" + host)), (std::vector{own}));
  EXPECT_EQ((co_await world.call("GET", "/v1/admin/capsules", "", other.key)).status, 403);

  const std::string path = "/v1/admin/capsules/" + theirs;
  EXPECT_EQ((co_await world.call("DELETE", path, "", other.key)).status, 403);
  EXPECT_EQ((co_await world.call("DELETE", path, "", bearer(admin))).status, 204);
  EXPECT_EQ(ids_in(co_await list("")), (std::vector{own}));
  EXPECT_EQ((co_await world.call("DELETE", "/v1/admin/capsules/x", "", bearer(admin))).status, 400);
}

TEST(ApiListingTest, AdministratorsSeeWhatAllTeamsHave) {
  World().run(check_all_teams);
}

TEST(ApiListingTest, LabelsFindSandboxes) {
  World().run(check_labels);
}

Task<void> check_sources(World& world) {
  const std::string parent = co_await new_labelled(world, "{}");
  const std::string path = "/v1/capsules/" + parent;
  EXPECT_FALSE((co_await world.call("GET", path)).has("source")) << "of an image";
  const Got forked = co_await world.call("POST", path + "/fork", "{}");
  EXPECT_EQ(forked.status, 201) << forked.body;
  const std::string source =
      concat(R"("source":{"type":"sandbox","sandbox_id":")", parent, R"("})");
  EXPECT_TRUE(forked.has(source)) << forked.body;
  const Got forks = co_await world.call("GET", "/v1/capsules?parent=" + parent);
  EXPECT_EQ(ids_in(forks).size(), 1u) << forks.body;
  const std::string fork = ids_in(forks).front();
  EXPECT_TRUE((co_await world.call("GET", "/v1/capsules/" + fork)).has(source));
  EXPECT_EQ(ids_in(co_await world.call("GET", "/v1/capsules?parent=" + fork)).size(), 0u);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules?parent=me")).status, 400);

  const Got made = co_await world.call("POST", "/v1/snapshots",
                                       concat(R"({"sandbox_id":")", fork, R"(","name":"mine"})"));
  EXPECT_EQ(made.status, 201) << made.body;
  const Got child = co_await world.call("POST", "/v1/capsules", R"({"template":"mine:latest"})");
  EXPECT_EQ(child.status, 201) << child.body;
  EXPECT_TRUE(child.has(R"("source":{"type":"template","name":"mine","version":1})")) << child.body;
}

TEST(ApiListingTest, SandboxesSayWhatTheyWereMadeOf) {
  World().run(check_sources);
}

Task<void> check_refusals(World& world) {
  const std::string path = "/v1/capsules/" + co_await new_labelled(world, "{}");
  for (const char* body :
       {"{}", R"({"labels":[]})", R"({"labels":{"":"x"}})", R"({"labels":{"a=b":"x"}})",
        R"({"labels":{"a":1}})", R"({"labels":{"a":"\u0007"}})", R"({"labels":{"a\n":"x"}})"}) {
    EXPECT_EQ((co_await world.call("PATCH", path, body)).status, 400) << body;
  }
  std::string many;
  for (int i = 0; i < 64; ++i) many += concat(i == 0 ? "" : ",", "\"n", i, "\":\"v\"");
  EXPECT_EQ((co_await world.call("PATCH", path, concat("{\"labels\":{", many, "}}"))).status, 200);
  const Got more = co_await world.call("PATCH", path, R"({"labels":{"one":"more"}})");
  EXPECT_EQ(more.status, 400);
  EXPECT_TRUE(more.has("64 labels")) << more.body;
  EXPECT_EQ((co_await world.call("PATCH", "/v1/capsules/cl-0000000000000000000000000",
                                 R"({"labels":{}})"))
                .status,
            404);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules?limit=0")).status, 400);
}

TEST(ApiListingTest, BadLabelsAreRefused) {
  World().run(check_refusals);
}

Task<void> check_pages(World& world) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.push_back(co_await new_labelled(world, "{}"));
  std::vector<std::string> seen;
  std::string target = "/v1/capsules?limit=2&status=running";
  for (int page = 0; page < 3; ++page) {
    const Got got = co_await world.call("GET", target);
    EXPECT_EQ(got.status, 200) << got.body;
    for (const std::string& id : ids_in(got)) seen.push_back(id);
    const std::string link(got.headers.find("link").value_or(""));
    EXPECT_EQ(link.empty(), page == 2) << link;
    EXPECT_EQ(link.empty(), !got.headers.find("x-next-cursor"));
    target = link.substr(link.empty() ? 0 : 1, link.find('>') - 1);
  }
  std::ranges::sort(made);
  std::ranges::sort(seen);
  EXPECT_EQ(seen, made);
}

TEST(ApiListingTest, PagesLeadToTheNext) {
  World().run(check_pages);
}

}  // namespace
}  // namespace wrenn::control
