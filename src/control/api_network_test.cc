// The API over HTTP: what sandboxes may reach, and what they were refused.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_people.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

constexpr std::string_view kNothing =
    R"("network":{"allow_internet_access":true,"allow_out":[],"deny_out":[]})";
constexpr std::string_view kOnlyOne =
    R"({"allow_internet_access":false,"allow_out":["8.8.8.8"],"deny_out":[]})";

void expect_error(const Got& got, int status, std::string_view code, std::string_view says) {
  EXPECT_EQ(got.status, status) << got.body;
  EXPECT_TRUE(got.has(concat("{\"error\":{\"code\":\"", code, "\"")) && got.has(says)) << got.body;
}

Task<std::string> restricted(World& world) {
  const Got got =
      co_await world.call("POST", "/v1/capsules", concat(R"({"network":)", kOnlyOne, "}"));
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_TRUE(got.has(concat(R"("network":)", kOnlyOne))) << got.body;
  co_return concat("/v1/capsules/", World::id_in(got.body));
}

const hostagent::v1::NetworkPolicy& on_host(TestAgent& agent, const std::string& path) {
  return agent.sandboxes.at(path.substr(path.find("cl-"))).network();
}

Task<void> check_create(World& world) {
  const std::string open = co_await world.new_sandbox();
  EXPECT_TRUE((co_await world.call("GET", open)).has(kNothing));
  EXPECT_FALSE(on_host(world.agent, open).deny_internet());
  const std::string path = co_await restricted(world);
  EXPECT_TRUE((co_await world.call("GET", path)).has(concat(R"("network":)", kOnlyOne)));
  EXPECT_TRUE((co_await world.call("GET", "/v1/capsules")).has(kOnlyOne));
  EXPECT_TRUE(on_host(world.agent, path).deny_internet());
  EXPECT_EQ(on_host(world.agent, path).allow_out(0), "8.8.8.8");
  expect_error(
      co_await world.call("POST", "/v1/capsules", R"({"network":{"deny_out":["x.example"]}})"), 400,
      "invalid_request", "network.deny_out: 'x.example' is a name");

  const Got forks = co_await world.call("POST", path + "/fork", "{}");
  EXPECT_EQ(forks.status, 201) << forks.body;
  EXPECT_TRUE(forks.has(kOnlyOne)) << forks.body;
  const Got made = co_await world.call(
      "POST", "/v1/snapshots", concat(R"({"name":"mine","sandbox_id":")", path.substr(13), "\"}"));
  EXPECT_EQ(made.status, 201) << made.body;
  const Got from = co_await world.call("POST", "/v1/capsules", R"({"template":"mine"})");
  EXPECT_TRUE(from.status == 201 && from.has(kNothing)) << "templates carry none: " << from.body;
}

Task<void> check_change(World& world) {
  const std::string path = co_await world.new_sandbox();
  Got got = co_await world.call("PUT", path + "/network", std::string(kOnlyOne));
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(got.body, kOnlyOne);
  EXPECT_EQ(on_host(world.agent, path).allow_out(0), "8.8.8.8");
  EXPECT_TRUE((co_await world.call("GET", path)).has(kOnlyOne));

  // What is left out is as it was never said.
  got = co_await world.call("PUT", path + "/network", R"({"deny_out":["9.0.0.0/8"]})");
  EXPECT_EQ(got.body, R"({"allow_internet_access":true,"allow_out":[],"deny_out":["9.0.0.0/8"]})");
  EXPECT_FALSE(on_host(world.agent, path).deny_internet());
  EXPECT_EQ(on_host(world.agent, path).allow_out_size(), 0);
  expect_error(co_await world.call("PUT", path + "/network", R"({"allow_out":["8.8.8.8/8"]})"), 400,
               "invalid_request", "allow_out: '8.8.8.8/8' is an address in a network");

  world.agent.changes_fail = true;
  expect_error(co_await world.call("PUT", path + "/network", "{}"), 502, "agent_error", "");
  world.agent.changes_fail = false;
  EXPECT_TRUE((co_await world.call("GET", path)).has("9.0.0.0/8")) << "as on its host";

  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  EXPECT_EQ((co_await world.call("PUT", path + "/network", std::string(kOnlyOne))).status, 200);
  EXPECT_EQ(world.agent.resumes, 0) << "it need not run for that";
  EXPECT_TRUE(on_host(world.agent, path).deny_internet());
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  expect_error(co_await world.call("PUT", path + "/network", "{}"), 409, "invalid_state",
               "is hibernated: resume it first");
  EXPECT_TRUE((co_await world.call("GET", path + "/network")).has(kOnlyOne));
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  expect_error(co_await world.call("PUT", path + "/network", "{}"), 409, "invalid_state",
               "is stopped");

  EXPECT_TRUE(co_await world.audit.flush());
  const auto logged =
      world.audit_store
          .list({.team_id = std::string(db::kDefaultTeam), .actions = {"capsule.set_network"}})
          .value();
  EXPECT_EQ(logged.size(), 7u);
  EXPECT_TRUE(std::ranges::any_of(logged, [](const auto& entry) {
    return entry.code.empty() && entry.metadata.contains(R"("allow_out":"8.8.8.8")") &&
           entry.metadata.contains(R"("allow_internet_access":"false")");
  }));
}

Task<void> check_denials(World& world) {
  const std::string path = co_await world.new_sandbox();
  EXPECT_EQ((co_await world.call("GET", path + "/network")).body,
            concat("{", kNothing, R"(,"denials":[]})"));
  hostagent::v1::Denial web;
  web.set_address("203.0.113.7");
  web.set_protocol("tcp");
  web.set_port(443);
  web.set_packets(3);
  web.set_last_at_unix(1'700'000'000);
  hostagent::v1::Denial ping;
  ping.set_address("10.0.0.1");
  ping.set_protocol("icmp");
  ping.set_packets(1);
  ping.set_last_at_unix(1'700'000'001);
  world.agent.denials = {web, ping};
  const auto before = world.sandboxes.get_any_team(path.substr(13)).value().last_active_at;
  Got got = co_await world.call("GET", path + "/network");
  EXPECT_EQ(
      got.body,
      concat("{", kNothing,
             R"(,"denials":[{"address":"203.0.113.7","protocol":"tcp","port":443,"packets":3,)"
             R"("last_at":"2023-11-14T22:13:20Z","can_be_allowed":true},)"
             R"({"address":"10.0.0.1","protocol":"icmp","packets":1,)"
             R"("last_at":"2023-11-14T22:13:21Z","can_be_allowed":false}]})"));
  EXPECT_EQ(world.sandboxes.get_any_team(path.substr(13)).value().last_active_at, before);

  // Paused by its host, which no row says yet.
  world.agent.sandboxes.at(path.substr(13)).set_status("paused");
  EXPECT_TRUE((co_await world.call("GET", path + "/network")).has(R"("denials":null)"));
  world.agent.sandboxes.at(path.substr(13)).set_status("running");
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  got = co_await world.call("GET", path + "/network");
  EXPECT_TRUE(got.status == 200 && got.has(R"("denials":null)")) << got.body;
  EXPECT_EQ(world.agent.resumes, 0) << "looking wakes nothing";
}

Task<void> put(World& world, std::string path, std::string entry, int& status) {
  const Got got =
      co_await world.call("PUT", path + "/network", concat(R"({"deny_out":[")", entry, "\"]}"));
  status = got.status;
}

// However their calls to the host and to the database are mixed, both have the same in the end.
Task<void> check_race(World& world) {
  const std::string path = co_await world.new_sandbox();
  std::array<int, 4> statuses{};
  {
    net::TaskScope scope(world.loop);
    world.agent.gate.close();
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      scope.spawn(put(world, path, concat("9.9.9.", i), statuses.at(i)));
    }
    EXPECT_TRUE(co_await world.agent.gate.reached());
    world.agent.gate.open();
    co_await scope.join();
  }
  EXPECT_EQ(statuses, (std::array{200, 200, 200, 200}));
  const auto row = world.sandboxes.get_any_team(path.substr(13)).value();
  EXPECT_EQ(row.network.deny_out.size(), 1u);
  EXPECT_EQ(row.network.deny_out, std::vector<std::string>{on_host(world.agent, path).deny_out(0)});
}

Task<void> check_older_host(World& world) {
  world.agent.knows_networks = false;
  expect_error(co_await world.call("POST", "/v1/capsules", concat(R"({"network":)", kOnlyOne, "}")),
               503, "host_unavailable", "restricts no networks");
  EXPECT_TRUE(world.agent.sandboxes.empty()) << "nothing of it runs";
  co_await world.new_sandbox();
}

Task<void> check_next_host(World& world) {
  world.agent.knows_networks = false;
  for (int i = 0; i < 4; ++i) {
    const std::string path = co_await restricted(world);
    EXPECT_EQ(on_host(world.east, path).allow_out(0), "8.8.8.8");
  }
  EXPECT_TRUE(world.agent.sandboxes.empty());
}

Task<void> check_who(World& world) {
  const std::string path = co_await world.new_sandbox();
  const Other other = other_team(world);
  for (const auto* method : {"GET", "PUT"}) {
    EXPECT_EQ((co_await world.call(method, path + "/network", "{}", other.key)).status, 404);
  }
  const auto reader =
      world.keys.create(db::kDefaultTeam, {.name = "r", .scopes = {"sandboxes:read"}}).value();
  const auto key = net::Headers().with("X-API-Key", reader.text.reveal());
  EXPECT_EQ((co_await world.call("GET", path + "/network", {}, key)).status, 200);
  EXPECT_EQ((co_await world.call("PUT", path + "/network", "{}", key)).status, 403);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules/cl-x/network")).status, 400);
}

TEST(ApiNetworkTest, ASandboxAndItsForksAreMadeWithOne) {
  World().run(check_create);
}
TEST(ApiNetworkTest, ItIsReplacedAsAWhole) {
  World().run(check_change);
}
TEST(ApiNetworkTest, ReadingWhatWasRefusedWakesNothing) {
  World().run(check_denials);
}
TEST(ApiNetworkTest, TheLastOfSeveralHoldsOnTheHostToo) {
  World().run(check_race);
}
TEST(ApiNetworkTest, AnOlderHostRunsNothingThatIsRestricted) {
  World().run(check_older_host);
}
TEST(ApiNetworkTest, TheNextHostRestrictsItAsWell) {
  World(World::Hosts::kTwo).run(check_next_host);
}
TEST(ApiNetworkTest, IsTheTeamsAlone) {
  World().run(check_who);
}

}  // namespace
}  // namespace wrenn::control
