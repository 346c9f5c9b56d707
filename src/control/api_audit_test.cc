// The log of changes over HTTP: what is written into it, and who may read what.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/time.h"
#include "control/housekeeping.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

struct Person {
  std::string id;
  Headers token;
};

db::User add_user(World& world, const std::string& name) {
  return world.users
      .create({.email = concat(name, "@example.com"),
               .name = name,
               .password_hash = base::Secret("none"),
               .status = db::UserStatus::kActive})
      .value();
}

// With a session in this team.
Person in_team(World& world, const std::string& user_id, const std::string& team_id) {
  const auto session = world.sessions.start(user_id, team_id, {}).value();
  const auto login = world.accounts.renew(session.id, user_id, team_id);
  return {user_id, Headers()
                       .with("Authorization", concat("Bearer ", login->access_token.reveal()))
                       .with("X-API-Key", "")};
}

// The first user of all administers the platform.
struct People {
  Person root;
  Person owner;
  Person member;
  std::string team_id;
};
People make_people(World& world) {
  const auto root = add_user(world, "root");
  const auto root_team = world.teams.create("root's Team", root.id).value();
  const auto ann = add_user(world, "ann");
  const auto team = world.teams.create("ann's Team", ann.id).value();
  const auto bob = add_user(world, "bob");
  EXPECT_TRUE(world.teams.add_member(team.id, bob.id, db::Role::kMember));
  return {in_team(world, root.id, root_team.id), in_team(world, ann.id, team.id),
          in_team(world, bob.id, team.id), team.id};
}

Task<Got> read(World& world, const Person& who, std::string query = {}) {
  EXPECT_TRUE(co_await world.audit.flush());
  co_return co_await world.call("GET", concat("/v1/audit-logs", query), {}, who.token);
}
Task<Got> read_all(World& world, const Person& who, std::string query = {}) {
  EXPECT_TRUE(co_await world.audit.flush());
  co_return co_await world.call("GET", concat("/v1/admin/audit-logs", query), {}, who.token);
}

std::string field(const Got& got, std::string_view name) {
  const std::string start = concat("\"", name, "\":\"");
  const auto at = got.body.find(start);
  if (at == std::string::npos) return {};
  const auto begin = at + start.size();
  return got.body.substr(begin, got.body.find('"', begin) - begin);
}

int count(const std::string& text, std::string_view part) {
  int found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

// What became of one sandbox, for whoever is in the team.
Task<void> check_timeline(World& world) {
  const People people = make_people(world);
  Got got = co_await world.call("POST", "/v1/capsules", "{}", people.owner.token);
  const std::string id = World::id_in(got.body);
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", "{}", people.owner.token)).status, 201);
  EXPECT_EQ((co_await world.call("POST", concat("/v1/capsules/", id, "/exec"), R"({"cmd":"run"})",
                                 people.member.token))
                .status,
            200);
  world.audit.add_own(people.team_id, "capsule.paused", "capsule", id, "nobody used it");
  got = co_await read(world, people.member, concat("?resource_id=", id));
  EXPECT_EQ(count(got.body, "\"action\""), 3) << got.body;
  EXPECT_EQ(count(got.body, id), 3) << got.body;
  EXPECT_TRUE(got.has("capsule.create") && got.has("capsule.exec")) << got.body;
  EXPECT_TRUE(got.has("capsule.paused") && got.has("nobody used it")) << got.body;
  got = co_await read(world, people.member, concat("?format=csv&resource_id=", id));
  EXPECT_EQ(count(got.body, id), 3) << got.body;
  got = co_await read(world, people.root, concat("?resource_id=", id));
  EXPECT_EQ(count(got.body, "\"action\""), 0) << got.body;
  got = co_await read(world, people.member, "?after=2100-01-01T00:00:00Z");
  EXPECT_EQ(count(got.body, "\"action\""), 0) << got.body;
  EXPECT_EQ((co_await read(world, people.member, "?after=yesterday")).status, 400);
}

TEST(ApiAuditTest, WhatHappenedToOneSandboxIsEachMembersToRead) {
  World().run(check_timeline);
}

TEST(ApiAuditTest, EachRouteThatChangesSomethingSaysWhat) {
  for (const RouteInfo& route : api_routes()) {
    const AuditRule& rule = route.audit;
    if (route.method != "GET" || route.access == "socket") {
      EXPECT_NE(rule.kind, AuditRule::Kind::kUnsaid) << route.method << ' ' << route.pattern;
    }
    const bool is_logged =
        rule.kind != AuditRule::Kind::kUnsaid && rule.kind != AuditRule::Kind::kNotLogged;
    EXPECT_EQ(is_logged, !rule.action.empty()) << route.pattern;
    EXPECT_EQ(is_logged, !rule.resource_type.empty()) << route.pattern;
  }
}

Task<void> check_entries(World& world) {
  const People people = make_people(world);
  const Headers headers = Headers(people.member.token).with("User-Agent", "probe/1");
  Got got = co_await world.call("POST", "/v1/capsules", R"({"metadata":{"secret":"x"}})", headers);
  EXPECT_EQ(got.status, 201) << got.body;
  const std::string id = World::id_in(got.body);
  EXPECT_EQ((co_await world.call("GET", concat("/v1/capsules/", id), {}, headers)).status, 200);
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules/nonsense/pause", {}, headers)).status, 400);
  const auto key = world.keys.create(people.team_id, {.name = "robot"}).value();
  const Headers by_key = Headers().with("X-API-Key", key.text.reveal());
  got = co_await world.call("DELETE", concat("/v1/capsules/", id), {}, by_key);
  EXPECT_EQ(got.status, 204) << got.body;

  got = co_await read(world, people.member, "?action=capsule.create");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(count(got.body, "\"id\""), 1) << got.body;
  EXPECT_EQ(field(got, "actor_type"), "user");
  EXPECT_EQ(field(got, "actor_id"), people.member.id);
  EXPECT_EQ(field(got, "actor_name"), "bob");
  EXPECT_EQ(field(got, "resource_type"), "capsule");
  EXPECT_EQ(field(got, "resource_id"), id);
  EXPECT_EQ(field(got, "status"), "success");
  EXPECT_EQ(field(got, "client_address"), "127.0.0.1");
  EXPECT_EQ(field(got, "user_agent"), "probe/1");
  EXPECT_TRUE(field(got, "request_id").starts_with("req-")) << got.body;
  EXPECT_FALSE(got.has("secret")) << "no bodies";
  EXPECT_TRUE(got.has(R"("metadata":{"template":"minimal"})")) << got.body;

  got = co_await read(world, people.member, "?action=capsule.pause,x&action=y");
  EXPECT_EQ(field(got, "status"), "failure");
  EXPECT_EQ(field(got, "code"), "invalid_request");
  EXPECT_EQ(field(got, "resource_id"), "nonsense");
  got = co_await read(world, people.member, "?action=capsule.destroy");
  EXPECT_EQ(field(got, "actor_type"), "api_key");
  EXPECT_EQ(field(got, "actor_name"), "robot");
  EXPECT_EQ(count((co_await read(world, people.member)).body, "\"created_at\""), 3);
  EXPECT_TRUE((co_await read(world, people.root)).has(R"("items":[])")) << "of another team";
}

TEST(ApiAuditTest, EntriesSayWhoDidWhatFromWhere) {
  World().run(check_entries);
}

Task<void> check_metadata(World& world) {
  const People people = make_people(world);
  const std::string team = concat("/v1/teams/", people.team_id);
  const auto change = [&](std::string method, std::string path, std::string body, Headers who) {
    return world.call(std::move(method), std::move(path), std::move(body), std::move(who));
  };
  EXPECT_EQ((co_await change("PATCH", team, R"({"name":"Blue"})", people.owner.token)).status, 204);
  EXPECT_EQ((co_await change("PATCH", concat(team, "/members/", people.member.id),
                             R"({"role":"admin"})", people.owner.token))
                .status,
            204);
  EXPECT_EQ((co_await change("PUT", concat("/v1/admin/teams/", people.team_id, "/quota"),
                             R"({"sandboxes":5})", people.root.token))
                .status,
            200);
  const Got created = co_await change("POST", "/v1/capsules", "{}", people.owner.token);
  const std::string id = World::id_in(created.body);
  EXPECT_EQ((co_await change("POST", concat("/v1/capsules/", id, "/pause"), R"({"mode":"disk"})",
                             people.owner.token))
                .status,
            200);
  const Got host = co_await change("POST", "/v1/hosts", R"({"name":"rack"})", people.root.token);
  EXPECT_EQ(host.status, 201) << host.body;
  const std::string labels = R"({"labels":{"zone":"a","disk":null}})";
  EXPECT_EQ(
      (co_await change("PATCH", concat("/v1/hosts/", field(host, "id")), labels, people.root.token))
          .status,
      200);
  Got got = co_await read(world, people.owner, "?action=team.rename");
  EXPECT_TRUE(got.has(R"("metadata":{"name":"Blue"})")) << got.body;
  got = co_await read(world, people.owner, "?action=member.set_role");
  EXPECT_TRUE(got.has(R"("metadata":{"role":"admin"})")) << got.body;
  got = co_await read(world, people.owner, "?action=capsule.pause");
  EXPECT_TRUE(got.has(R"("metadata":{"mode":"disk"})")) << got.body;
  got = co_await read_all(world, people.root, "?action=quota.set");
  EXPECT_TRUE(got.has(R"("sandboxes":"5")")) << got.body;
  got = co_await read_all(world, people.root, "?action=host.update");
  EXPECT_TRUE(got.has(R"("metadata":{"label disk":"","label zone":"a"})")) << got.body;
}

TEST(ApiAuditTest, EntriesSayWhatItWasChangedTo) {
  World().run(check_metadata);
}

Task<void> check_roles(World& world) {
  const People people = make_people(world);
  Got got = co_await world.call("PATCH", "/v1/me", R"({"name":"Ann"})", people.owner.token);
  EXPECT_EQ(got.status, 200) << got.body;
  got = co_await world.call("POST", "/v1/api-keys", R"({"name":"robot"})", people.owner.token);
  EXPECT_EQ(got.status, 201) << got.body;
  got = co_await world.call("PUT", "/v1/admin/quota", R"({"sandboxes":5})", people.root.token);
  EXPECT_EQ(got.status, 200) << got.body;
  got = co_await world.call("POST", "/v1/auth/login",
                            R"({"email":"nobody@example.com","password":"wrong one"})");
  EXPECT_EQ(got.status, 401) << got.body;

  got = co_await read(world, people.member);
  EXPECT_EQ(count(got.body, "\"scope\""), 1) << got.body;
  EXPECT_EQ(field(got, "action"), "api_key.create");
  EXPECT_TRUE(field(got, "resource_id").starts_with("key-")) << got.body;
  got = co_await read(world, people.owner);
  EXPECT_TRUE(got.has("user.rename") && got.has("api_key.create")) << got.body;
  EXPECT_FALSE(got.has("quota.set") || got.has("session.log_in")) << got.body;

  EXPECT_EQ((co_await read_all(world, people.owner)).status, 403);
  EXPECT_EQ((co_await world.call("GET", "/v1/audit-logs")).status, 403) << "no key is good for it";
  EXPECT_EQ(
      (co_await world.call("GET", "/v1/audit-logs", {}, Headers().with("X-API-Key", "x"))).status,
      401);
  got = co_await read_all(world, people.root);
  EXPECT_TRUE(got.has("user.rename") && got.has("quota.set")) << got.body;
  EXPECT_FALSE(got.has("nobody@example.com")) << "who has no account is not to be kept";
  got = co_await read_all(world, people.root, "?action=session.log_in");
  EXPECT_EQ(field(got, "actor_type"), "anonymous");
  EXPECT_EQ(field(got, "code"), "unauthorized");
  got = co_await read_all(world, people.root, concat("?team_id=", people.team_id));
  EXPECT_EQ(count(got.body, "\"scope\""), 2) << got.body;
}

TEST(ApiAuditTest, EverybodySeesWhatTheirRoleMaySee) {
  World().run(check_roles);
}

Task<void> check_pages(World& world) {
  const People people = make_people(world);
  for (int i = 0; i < 5; ++i) {
    const auto got =
        co_await world.call("POST", "/v1/api-keys", R"({"name":"k"})", people.owner.token);
    EXPECT_EQ(got.status, 201) << got.body;
  }
  std::string seen;
  std::string query = "?limit=2";
  int pages = 0;
  for (; pages < 5; ++pages) {
    const Got got = co_await read(world, people.owner, query);
    seen += got.body;
    if (field(got, "next_before").empty()) break;
    query = concat("?limit=2&before=", field(got, "next_before"),
                   "&before_id=", field(got, "next_before_id"));
  }
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(count(seen, "\"scope\""), 5) << seen;

  Got got = co_await read(world, people.owner, "?format=csv&limit=2");
  EXPECT_EQ(count(got.body, "\r\n"), 3) << got.body;
  EXPECT_EQ(got.headers.find("content-type"), "text/csv; charset=utf-8");
  EXPECT_TRUE(got.headers.find("x-next-before-id"));
  got = co_await read(world, people.owner, "?format=ndjson");
  EXPECT_EQ(count(got.body, "\n"), 5) << got.body;
  EXPECT_FALSE(got.headers.find("x-next-before-id"));
  for (const auto* const wrong :
       {"?limit=0", "?limit=1001", "?limit=x", "?before=yesterday", "?format=xml"}) {
    EXPECT_EQ((co_await read(world, people.owner, wrong)).status, 400) << wrong;
  }
}

TEST(ApiAuditTest, PagesAndExportsAreWhole) {
  World().run(check_pages);
}

Task<void> check_system(World& world) {
  const People people = make_people(world);
  const std::string path = co_await world.new_sandbox();
  const std::string id = path.substr(path.rfind('/') + 1);
  world.agent.sandboxes.clear();
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const Got got = co_await read_all(world, people.root, "?action=capsule.missing");
  EXPECT_EQ(field(got, "actor_type"), "system") << got.body;
  EXPECT_EQ(field(got, "resource_id"), id);
}

TEST(ApiAuditTest, WhatTheSystemDoesByItselfIsThereToo) {
  World().run(check_system);
}

Task<void> check_retention(World& world) {
  constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
  const std::int64_t now = base::unix_ms_now();
  const auto add = [&world](std::string id, std::int64_t at) {
    EXPECT_TRUE(world.audit_store.add(std::vector<db::AuditEntry>{
        {.id = std::move(id), .action = "a", .resource_type = "t", .at = at}}));
  };
  const auto left = [&world] { return world.audit_store.list({}).value(); };
  add("old", now - 31 * kDayMs);
  add("new", now - 29 * kDayMs);
  EXPECT_TRUE(co_await forget_old_audit(world.services, std::chrono::days(0)));
  EXPECT_EQ(left().size(), 2u);
  EXPECT_TRUE(co_await forget_old_audit(world.services, std::chrono::days(30)));
  EXPECT_EQ(left().size(), 1u);
  EXPECT_EQ(left().front().id, "new");
}

TEST(ApiAuditTest, WhatIsOldIsForgotten) {
  World().run(check_retention);
}

}  // namespace
}  // namespace wrenn::control
