// Hibernation over HTTP: from one host to the other through a storage that both have.
#include <gtest/gtest.h>

#include "base/id.h"
#include "control/data_plane.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::Archive;
using db::SandboxState;
using net::Task;
using enum SandboxState;

void run_with_two(Task<void> (*test)(World&), World::Agent agent_is = World::Agent::kThere) {
  World(World::Hosts::kTwo).run(test, agent_is);
}

db::Sandbox row_of(World& world, const std::string& path) {
  return world.sandboxes.get_any_team(World::id_in(path)).value();
}

void expect_error(const Got& got, int status, std::string_view code) {
  EXPECT_EQ(got.status, status) << got.body;
  EXPECT_TRUE(got.has(concat("\"code\":\"", code, "\""))) << got.body;
}

// With only the local host heard, so that it is made there.
Task<std::string> new_on_local(World& world) {
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const std::string path = co_await world.new_sandbox();
  EXPECT_EQ(row_of(world, path).host_id, local_host_id());
  co_return path;
}

// So that east is the emptier one.
Task<void> hear_east(World& world) {
  (void)co_await new_on_local(world);
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
}

Task<void> check_from_host_to_host(World& world) {
  const std::string path = co_await new_on_local(world);
  const std::string id = World::id_in(path);
  const Got stored = co_await world.call("POST", path + "/hibernate");
  EXPECT_EQ(stored.status, 200) << stored.body;
  EXPECT_TRUE(stored.has(R"("status":"hibernated")") && stored.has(R"("archive_bytes":4711)") &&
              stored.has(R"("upload":11)") && stored.has(R"("save":5)"))
      << stored.body;
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200) << "twice is fine";
  EXPECT_TRUE((co_await world.call("GET", path)).has(R"("status":"hibernated")"));
  EXPECT_TRUE((co_await world.call("GET", "/v1/capsules")).has(id));
  EXPECT_TRUE(world.archives.contains(id));
  EXPECT_TRUE(world.agent.sandboxes.empty());
  expect_error(co_await world.call("POST", path + "/pause"), 409, "invalid_state");
  expect_error(co_await world.call("POST", path + "/fork"), 409, "invalid_state");
  EXPECT_EQ((co_await world.call("PUT", path + "/timeout", R"({"timeout_sec":70})")).status, 200);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(row_of(world, path).status, kHibernated) << "its host need not have it";

  co_await hear_east(world);
  const Got woken = co_await world.call("POST", path + "/resume");
  EXPECT_EQ(woken.status, 200) << woken.body;
  EXPECT_TRUE(woken.has(R"("status":"running")") && woken.has(R"("fetch":13)") &&
              !woken.has("archive_bytes"))
      << woken.body;
  EXPECT_EQ(row_of(world, path).host_id, host_id_of("east"));
  EXPECT_EQ(world.east.sandboxes.at(id).lifecycle().timeout_sec(), 70);
  EXPECT_TRUE(world.archives.contains(id));
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
  EXPECT_TRUE(world.archives.empty()) << "it runs elsewhere now";
  EXPECT_EQ(row_of(world, path).archive, Archive::kNone);
  EXPECT_EQ((co_await world.call("GET", path + "/processes")).status, 200);
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  EXPECT_TRUE(world.east.sandboxes.empty());
}

TEST(ApiHibernationTest, FromOneHostToTheOther) {
  run_with_two(check_from_host_to_host);
}

Task<void> check_auto_resume(World& world) {
  const std::string path = co_await new_on_local(world);
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  EXPECT_EQ((co_await world.call("GET", path + "/processes")).status, 200);
  EXPECT_EQ(world.agent.wakes, 1);
  EXPECT_EQ(row_of(world, path).archive, Archive::kStale);
  // Before anybody has removed the first one.
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  EXPECT_EQ(row_of(world, path).archive, Archive::kCurrent);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(world.archives.contains(World::id_in(path))) << "it is all there is";
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  EXPECT_TRUE(world.archives.empty());
  EXPECT_EQ(row_of(world, path).status, kStopped);
}

TEST(ApiHibernationTest, CallsWakeItAndADestroyRemovesItsArchive) {
  World().run(check_auto_resume);
}

// A request to one of its ports.
Task<void> check_traffic(World& world) {
  const std::string path = co_await new_on_local(world);
  const std::string id = World::id_in(path);
  HostLinks links;
  for (const auto& host : world.addresses) links.put(host);
  PlaceCache places(world.database, links, world.directory, world.busy, world.operations,
                    world.fleet);
  EXPECT_EQ((co_await places.find(id)).value()->host, links.find(local_host_id()));
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  places.forget(id);
  const auto asleep = (co_await places.find(id)).value();
  EXPECT_FALSE(asleep->is_running);
  EXPECT_TRUE(asleep->can_wake);
  co_await hear_east(world);
  const auto awake = co_await places.wake(id, proxy::WakeReason::kAsleep);
  EXPECT_TRUE(awake && (*awake)->is_running);
  EXPECT_EQ((*awake)->host, links.find(host_id_of("east")));
}

TEST(ApiHibernationTest, TrafficWakesItAndFindsItsNewHost) {
  run_with_two(check_traffic);
}

Task<void> check_no_storage(World& world) {
  const std::string path = co_await new_on_local(world);
  world.agent.has_storage = false;
  const Got refused = co_await world.call("POST", path + "/hibernate");
  expect_error(refused, 409, "conflict");
  EXPECT_TRUE(refused.has("no object storage")) << refused.body;
  EXPECT_EQ(row_of(world, path).status, kPaused);
  EXPECT_EQ(row_of(world, path).pause_mode, "memory");
  EXPECT_EQ(row_of(world, path).archive, Archive::kNone) << "nothing can have been written";
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
  EXPECT_EQ(world.agent.wakes, 0);
}

TEST(ApiHibernationTest, WithoutAStorageItStaysPaused) {
  World().run(check_no_storage);
}

Task<void> check_failed_wake(World& world) {
  const std::string path = co_await new_on_local(world);
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  co_await hear_east(world);
  world.agent.changes_fail = true;
  world.east.changes_fail = true;
  expect_error(co_await world.call("POST", path + "/resume"), 503, "no_hosts_available");
  EXPECT_EQ(world.agent.wakes, 1);
  EXPECT_EQ(world.east.wakes, 1);
  EXPECT_EQ(row_of(world, path).status, kHibernated);
  EXPECT_EQ(row_of(world, path).pause_mode, "memory");
  EXPECT_EQ(row_of(world, path).host_id, local_host_id());
  EXPECT_EQ(row_of(world, path).archive, Archive::kCurrent);
  world.agent.changes_fail = false;
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
  EXPECT_EQ(world.east.wakes, 2) << "the emptier one is asked first";
  EXPECT_EQ(row_of(world, path).host_id, local_host_id());
}

TEST(ApiHibernationTest, WhatNoHostCanWakeStaysHibernated) {
  run_with_two(check_failed_wake);
}

Task<void> check_silent_host(World& world) {
  EXPECT_TRUE(world.hosts.heartbeat(host_id_of("east")).value());
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const std::string path = co_await world.new_sandbox();
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
  EXPECT_EQ(row_of(world, path).host_id, local_host_id());
}

TEST(ApiHibernationTest, ASilentHostIsPassedOver) {
  run_with_two(check_silent_host, World::Agent::kEastAway);
}

Task<void> hibernate_into(World& world, std::string path, Got& got) {
  got = co_await world.call("POST", path + "/hibernate");
}

Task<void> check_destroyed_meanwhile(World& world) {
  const std::string path = co_await new_on_local(world);
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  auto copy = world.agent.sandboxes.at(World::id_in(path));
  world.agent.gate.close();
  Got got;
  net::TaskScope scope(world.loop);
  scope.spawn(hibernate_into(world, path, got));
  EXPECT_TRUE(co_await world.agent.gate.reached());
  EXPECT_EQ(row_of(world, path).status, kHibernating);
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  // As a host that had read all of it already.
  world.agent.sandboxes[World::id_in(path)] = copy;
  world.agent.gate.open();
  co_await scope.join();
  expect_error(got, 409, "invalid_state");
  EXPECT_TRUE(world.archives.empty());
  EXPECT_EQ(row_of(world, path).status, kStopped);
}

TEST(ApiHibernationTest, OneThatIsDestroyedMeanwhileLeavesNothing) {
  World().run(check_destroyed_meanwhile);
}

// Rows that an earlier control plane left in the middle of it.
Task<void> check_torn(World& world) {
  const std::string paused = co_await new_on_local(world);
  const std::string stored = co_await new_on_local(world);
  const std::string woken = co_await new_on_local(world);
  for (const auto& path : {paused, stored, woken}) {
    EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  }
  const auto move = [&](const std::string& path, SandboxState from, SandboxState to) {
    EXPECT_TRUE(world.sandboxes.transition(World::id_in(path), {from}, to).value());
  };
  move(paused, kPaused, kHibernating);
  move(stored, kPaused, kHibernating);
  world.agent.sandboxes.erase(World::id_in(stored));
  move(woken, kPaused, kHibernating);
  move(woken, kHibernating, kHibernated);
  world.archives[World::id_in(woken)] = world.agent.sandboxes.at(World::id_in(woken));
  move(woken, kHibernated, kResuming);
  world.agent.sandboxes.at(World::id_in(woken)).set_status("running");
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(row_of(world, paused).status, kPaused);
  EXPECT_EQ(row_of(world, stored).status, kHibernated);
  EXPECT_EQ(row_of(world, woken).status, kRunning);
  EXPECT_TRUE(world.archives.empty()) << "that of the one that runs";
  move(stored, kHibernated, kResuming);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(row_of(world, stored).status, kHibernated);
}

TEST(ApiHibernationTest, TornOnesAreSettled) {
  World().run(check_torn);
}

// A wake whose answer was lost, on a host that the row does not name.
Task<void> check_moot(World& world) {
  const std::string path = co_await new_on_local(world);
  const auto info = world.agent.sandboxes.at(World::id_in(path));
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  world.east.sandboxes[World::id_in(path)] = info;
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
  EXPECT_TRUE(world.east.sandboxes.empty());
  EXPECT_EQ(row_of(world, path).status, kHibernated);
  // On the host of the row it is taken as what it is.
  world.agent.sandboxes[World::id_in(path)] = info;
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(row_of(world, path).status, kRunning);
}

TEST(ApiHibernationTest, NoneIsOnTwoHosts) {
  run_with_two(check_moot);
}

Task<void> check_stuck_archive(World& world) {
  const std::string path = co_await new_on_local(world);
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  world.agent.has_storage = false;
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204)
      << "a storage that fails keeps nobody";
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.archives.size(), 1u);
  world.agent.has_storage = true;
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(world.archives.empty());
  EXPECT_EQ(row_of(world, path).archive, Archive::kNone);
}

TEST(ApiHibernationTest, AnArchiveThatCouldNotBeRemovedIsTriedAgain) {
  World().run(check_stuck_archive);
}

}  // namespace
}  // namespace wrenn::control
