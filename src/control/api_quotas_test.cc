// Quotas over HTTP: who sets them, and what is refused by them.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_people.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

Task<void> check_setting(World& world) {
  const Headers admin = bearer(admin_token(world));
  const Other other = other_team(world);
  const std::string path = concat("/v1/admin/teams/", other.team_id, "/quota");
  EXPECT_EQ((co_await world.call("GET", path, {}, admin)).status, 404);
  Got got = co_await world.call("PUT", path, R"({"sandboxes":2,"vcpus":null})", admin);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(got.body, R"({"sandboxes":2,"vcpus":null,"memory_mb":null,"disk_mb":null,)"
                      R"("creates_per_minute":null})");
  const std::string tag(got.headers.find("etag").value_or(""));
  EXPECT_EQ((co_await world.call("GET", path, {}, admin)).headers.find("etag"), tag);

  got =
      co_await world.call("PUT", path, R"({"sandboxes":3})", Headers(admin).with("If-Match", tag));
  EXPECT_EQ(got.status, 200) << got.body;
  got =
      co_await world.call("PUT", path, R"({"sandboxes":4})", Headers(admin).with("If-Match", tag));
  EXPECT_EQ(got.status, 412) << got.body;
  EXPECT_TRUE(got.has("precondition_failed"));
  got = co_await world.call("PUT", path, "{}", Headers(admin).with("If-Match", "nonsense"));
  EXPECT_EQ(got.status, 400) << got.body;
  got = co_await world.call("PUT", path, R"({"sandboxes":-1})", admin);
  EXPECT_EQ(got.status, 400) << got.body;

  got = co_await world.call("GET", "/v1/quota", {}, other.key);
  EXPECT_EQ(got.body, R"({"limits":{"sandboxes":3,"vcpus":null,"memory_mb":null,"disk_mb":null,)"
                      R"("creates_per_minute":null},"used":{"sandboxes":0,"vcpus":0,"memory_mb":0,)"
                      R"("disk_mb":0,"creates_per_minute":0}})");
  EXPECT_EQ((co_await world.call("DELETE", path, {}, admin)).status, 204);
  EXPECT_EQ((co_await world.call("DELETE", path, {}, admin)).status, 204);

  got = co_await world.call("PUT", "/v1/admin/quota", R"({"vcpus":1})", admin);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE((co_await world.call("GET", "/v1/quota", {}, other.key)).has(R"("vcpus":1)"));
  EXPECT_TRUE((co_await world.call("GET", "/v1/admin/quota", {}, admin)).has(R"("vcpus":1)"));
  EXPECT_EQ((co_await world.call("DELETE", "/v1/admin/quota", {}, admin)).status, 204);
  EXPECT_EQ((co_await world.call("GET", "/v1/admin/quota", {}, admin)).status, 404);

  got = co_await world.call("PUT", "/v1/admin/teams/team-1/quota", "{}", admin);
  EXPECT_EQ(got.status, 400) << got.body;
  got = co_await world.call("PUT", "/v1/admin/teams/team-0000000000000000000000009/quota", "{}",
                            admin);
  EXPECT_EQ(got.status, 404) << got.body;
}

Task<void> check_who(World& world) {
  const Other other = other_team(world);
  for (const char* path : {"/v1/admin/quota", "/v1/admin/teams"}) {
    EXPECT_EQ((co_await world.call("GET", path, {}, other.key)).status, 403) << path;
    EXPECT_EQ((co_await world.call("GET", path)).status, 403) << path << " with a key";
  }
}

Task<void> check_creates(World& world) {
  const Other other = other_team(world);
  EXPECT_TRUE(world.quotas.set(other.team_id, {.sandboxes = 2}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ((co_await world.call("POST", "/v1/capsules", "{}", other.key)).status, 201);
  }
  const Headers idempotent = Headers(other.key).with("Idempotency-Key", "one");
  Got got = co_await world.call("POST", "/v1/capsules", "{}", idempotent);
  EXPECT_EQ(got.status, 429);
  EXPECT_TRUE(got.has("quota_exceeded") && got.has("2 sandboxes, of which 2 are in use"))
      << got.body;
  EXPECT_FALSE(got.headers.find("retry-after")) << "waiting does not help";

  // The key is not used up by what was refused.
  EXPECT_TRUE(world.quotas.set(other.team_id, {.sandboxes = 3}));
  got = co_await world.call("POST", "/v1/capsules", "{}", idempotent);
  EXPECT_EQ(got.status, 201) << got.body;
  const std::string path = concat("/v1/capsules/", World::id_in(got.body));
  got = co_await world.call("POST", path + "/fork", R"({"count":2})", other.key);
  EXPECT_EQ(got.status, 429) << got.body;
  EXPECT_TRUE(world.quotas.set(other.team_id, {.creates_per_minute = 4}));
  got = co_await world.call("POST", path + "/fork", R"({"count":2})", other.key);
  EXPECT_EQ(got.status, 429) << got.body;
  EXPECT_TRUE(got.headers.find("retry-after")) << got.body;
  EXPECT_EQ((co_await world.call("POST", path + "/fork", R"({"count":1})", other.key)).status, 201);
}

Task<void> check_resumes(World& world) {
  const Other other = other_team(world);
  const Got made = co_await world.call("POST", "/v1/capsules", "{}", other.key);
  const std::string path = concat("/v1/capsules/", World::id_in(made.body));
  EXPECT_EQ((co_await world.call("POST", path + "/pause", "{}", other.key)).status, 200);
  EXPECT_TRUE(world.quotas.set(other.team_id, {.memory_mb = 0}));
  Got got = co_await world.call("POST", path + "/resume", "{}", other.key);
  EXPECT_EQ(got.status, 429) << got.body;
  EXPECT_TRUE((co_await world.call("GET", path, {}, other.key)).has(R"("status":"paused")"));
  // A call that would wake it says the same.
  got = co_await world.call("POST", path + "/exec", R"({"cmd":"true"})", other.key);
  EXPECT_EQ(got.status, 429) << got.body;
  EXPECT_TRUE(world.quotas.remove(other.team_id));
  EXPECT_EQ((co_await world.call("POST", path + "/resume", "{}", other.key)).status, 200);
}

Task<void> check_admin_of_teams(World& world) {
  const Headers admin = bearer(admin_token(world));
  const Other other = other_team(world);
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", "{}", other.key)).status, 201);
  Got got = co_await world.call("GET", "/v1/admin/teams", {}, admin);
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(got.has(R"("owner_name":"ann","owner_email":"ann@example.com","member_count":1,)"
                      R"("active_sandbox_count":1)"))
      << got.body;
  const std::string path = concat("/v1/admin/teams/", other.team_id);
  EXPECT_EQ((co_await world.call("PUT", path + "/byoc", R"({"enabled":true})", admin)).status, 204);
  EXPECT_EQ((co_await world.call("PUT", path + "/byoc", R"({"enabled":"x"})", admin)).status, 400);
  EXPECT_TRUE(world.teams.get(other.team_id)->is_byoc);
  got = co_await world.call("DELETE", path, {}, admin);
  EXPECT_EQ(got.status, 409) << got.body;
  const auto own = world.sandboxes.list(other.team_id).value();
  EXPECT_EQ((co_await world.call("DELETE", concat("/v1/capsules/", own.front().id), {}, other.key))
                .status,
            204);
  EXPECT_EQ((co_await world.call("DELETE", path, {}, admin)).status, 204);
  EXPECT_EQ((co_await world.call("DELETE", path, {}, admin)).status, 404);
  EXPECT_EQ((co_await world.call("GET", "/v1/quota", {}, other.key)).status, 401)
      << "its key went with it";
  EXPECT_TRUE((co_await world.call("GET", "/v1/admin/teams", {}, admin)).has("deleted_at"));
  EXPECT_EQ((co_await world.call("DELETE", concat("/v1/admin/teams/", db::kDefaultTeam), {}, admin))
                .status,
            403);
}

TEST(ApiQuotas, AreSetByAdministrators) {
  World().run(check_setting);
}
TEST(ApiQuotas, AreNobodyElsesToSet) {
  World().run(check_who);
}
TEST(ApiQuotas, LimitWhatIsCreated) {
  World().run(check_creates);
}
TEST(ApiQuotas, LimitWhatIsResumed) {
  World().run(check_resumes);
}
TEST(ApiQuotas, AdministratorsSeeAndRemoveTeams) {
  World().run(check_admin_of_teams);
}

}  // namespace
}  // namespace wrenn::control
