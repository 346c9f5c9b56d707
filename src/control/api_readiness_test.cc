// GET /ready, as those see it who ask whether work may be sent here.
#include <gtest/gtest.h>

#include "control/api/readiness.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using net::Task;

Task<Got> ask(World& world) {
  // Whoever asks has no key.
  return world.call("GET", "/ready", "", net::Headers().with("X-API-Key", "none"));
}

Task<void> is_ready(World& world) {
  const Got got = co_await ask(world);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("status":"ready")")) << got.body;
  EXPECT_TRUE(got.has(R"({"name":"database","status":"ok"},{"name":"migrations","status":"ok"})"));
}

Task<void> is_behind(World& world) {
  EXPECT_TRUE(world.database.write().execute(
      "DELETE FROM schema_migrations WHERE number = (SELECT MAX(number) FROM schema_migrations)"));
  const Got got = co_await ask(world);
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(
      got.has(R"({"name":"database","status":"ok"},{"name":"migrations","status":"failed")"))
      << got.body;
  EXPECT_TRUE(got.has("restart wrenn-cp"));
}

Task<void> has_no_database(World& world) {
  EXPECT_TRUE(world.database.write().execute_script("DROP TABLE schema_migrations"));
  const Got got = co_await ask(world);
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(got.has(R"("status":"not_ready")"));
  EXPECT_TRUE(got.has(R"({"name":"database","status":"failed","message":"the database does not)"));
  EXPECT_FALSE(got.has("schema_migrations")) << "nothing of the inside is told";
  EXPECT_EQ((co_await world.call("GET", "/health")).status, 200);
}

TEST(ApiReadiness, SaysThatAllIsWell) {
  World().run(is_ready);
}
TEST(ApiReadiness, NeedsAllMigrations) {
  World().run(is_behind);
}
TEST(ApiReadiness, NeedsTheDatabase) {
  World().run(has_no_database);
}

TEST(ApiReadiness, HostsAreWarnedOf) {
  const auto host = [](db::HostStatus status) { return db::Host{.id = "h", .status = status}; };
  using enum db::HostStatus;
  EXPECT_EQ(check_hosts({host(kOnline), host(kOffline)}).status, base::CheckStatus::kOk);
  const auto lost = check_hosts({host(kOnline), host(kUnreachable), host(kOffline)});
  EXPECT_EQ(lost.status, base::CheckStatus::kWarning);
  EXPECT_TRUE(lost.message.starts_with("1 of 2 hosts")) << lost.message;
  for (const auto& hosts : {std::vector<db::Host>{}, {host(kUnreachable)}}) {
    const auto none = check_hosts(hosts);
    EXPECT_EQ(none.status, base::CheckStatus::kWarning);
    EXPECT_TRUE(none.message.contains("wrenn up"));
  }
}

}  // namespace
}  // namespace wrenn::control
