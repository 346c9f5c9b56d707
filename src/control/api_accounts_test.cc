// Accounts over HTTP: signing up, logging in, sessions, and who may do what.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

constexpr std::string_view kPassword = "correct horse";

std::string field(const Got& got, std::string_view name) {
  const std::string start = concat("\"", name, "\":\"");
  const auto at = got.body.find(start);
  if (at == std::string::npos) return {};
  const auto from = at + start.size();
  return got.body.substr(from, got.body.find('"', from) - from);
}

Headers bearer(const std::string& token) {
  return Headers().with("Authorization", concat("Bearer ", token)).with("X-API-Key", "");
}

std::string cookie(const Got& got) {
  const std::string text(got.headers.find("set-cookie").value_or(""));
  return text.substr(0, text.find(';'));
}

// The token in the link of the last mail to that address.
std::string mailed_token(World& world, std::string_view to) {
  const std::lock_guard lock(world.mails_mutex);
  for (auto mail = world.mails.rbegin(); mail != world.mails.rend(); ++mail) {
    const auto at = mail->text.find("?token=");
    if (mail->to == to && at != std::string::npos) return mail->text.substr(at + 7, 64);
  }
  return {};
}
std::size_t mails(World& world) {
  const std::lock_guard lock(world.mails_mutex);
  return world.mails.size();
}

std::string credentials(std::string_view email, std::string_view password = kPassword) {
  return concat(R"({"email":")", email, R"(","password":")", password, R"("})");
}

// A user who is active; their access token. Without the API, which would take the time of hashing.
std::string user_with_token(World& world, const std::string& name) {
  const auto user = world.users
                        .create({.email = name + "@example.com",
                                 .name = name,
                                 .password_hash = base::Secret("none"),
                                 .status = db::UserStatus::kActive})
                        .value();
  const auto team = world.teams.create(name + "'s Team", user.id).value();
  const auto session = world.sessions.start(user.id, team.id, {}).value();
  return std::string(world.accounts.renew(session.id, user.id, team.id)->access_token.reveal());
}

Task<void> check_sign_up(World& world) {
  const std::string wish =
      concat(R"({"email":" Ann@Example.com ","name":"Ann","password":")", kPassword, "\"}");
  Got got = co_await world.call("POST", "/v1/auth/signup", wish);
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_EQ(mails(world), 1u);
  EXPECT_TRUE(world.mails.front().text.find("http://wrenn.example/activate?token=") !=
              std::string::npos);
  got = co_await world.call("POST", "/v1/auth/login", credentials("ann@example.com"));
  EXPECT_EQ(got.status, 403);
  EXPECT_TRUE(got.has("account_not_activated")) << got.body;
  // Whoever else knows the address cannot change what is being activated.
  EXPECT_EQ(
      (co_await world.call("POST", "/v1/auth/signup",
                           R"({"email":"ann@example.com","name":"Eve","password":"evil evil"})"))
          .status,
      201);
  EXPECT_EQ(mails(world), 1u);

  const std::string token = mailed_token(world, "ann@example.com");
  got = co_await world.call("POST", "/v1/auth/activate", concat("{\"token\":\"", token, "\"}"));
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("is_admin":true)") && got.has(R"("name":"Ann")")) << got.body;
  EXPECT_EQ(field(got, "team_id"), db::kDefaultTeam) << "the first one owns the platform's team";
  got = co_await world.call("POST", "/v1/auth/activate", concat("{\"token\":\"", token, "\"}"));
  EXPECT_EQ(got.status, 400);
  EXPECT_TRUE(got.has("invalid_token")) << got.body;

  got = co_await world.call("POST", "/v1/auth/login", credentials("ANN@example.com"));
  EXPECT_EQ(got.status, 200) << got.body;
  const std::string access = field(got, "token");
  const std::string set_cookie(got.headers.find("set-cookie").value_or(""));
  EXPECT_TRUE(set_cookie.starts_with("wrenn_session=ses-")) << set_cookie;
  EXPECT_TRUE(set_cookie.ends_with("; HttpOnly; SameSite=Strict")) << set_cookie;
  got = co_await world.call("GET", "/v1/me", "", bearer(access));
  EXPECT_TRUE(got.status == 200 && got.has(R"("email":"ann@example.com")")) << got.body;
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules", "", bearer(access))).status, 200);

  // Nobody learns that there is an account, but the one who has it.
  got = co_await world.call("POST", "/v1/auth/signup", wish);
  EXPECT_EQ(got.status, 201);
  EXPECT_EQ(world.mails.back().subject, "You have a Wrenn account already");
  got = co_await world.call("POST", "/v1/auth/login", credentials("ann@example.com", "wrong one"));
  const Got nobody =
      co_await world.call("POST", "/v1/auth/login", credentials("bob@example.com", "wrong one"));
  EXPECT_EQ(got.status, 401);
  EXPECT_EQ(got.body, nobody.body);
}

TEST(ApiAccountsTest, SignUpActivateAndLogIn) {
  World().run(check_sign_up);
}

Task<void> check_bad_sign_up(World& world) {
  for (const char* wish : {"", "{}", R"({"email":"x","name":"n","password":"12345678"})",
                           R"({"email":"a@b","name":"","password":"12345678"})",
                           R"({"email":"a@b","name":"n","password":"1234567"})",
                           R"({"email":"a@b\r\nBcc: c@d","name":"n","password":"12345678"})",
                           R"({"email":"a@b@c","name":"n","password":"12345678"})",
                           R"({"email":"a@b","name":"n\nm","password":"12345678"})"}) {
    const Got got = co_await world.call("POST", "/v1/auth/signup", wish);
    EXPECT_EQ(got.status, 400) << wish << got.body;
  }
  const Got got = co_await world.call(
      "POST", "/v1/auth/signup",
      R"({"email":"a@b","name":"n","password":"12345678","invitation":"nonsense"})");
  EXPECT_TRUE(got.status == 400 && got.has("invalid_token")) << got.body;
  EXPECT_EQ(mails(world), 0u);
}

TEST(ApiAccountsTest, BadSignUpsAreRefused) {
  World().run(check_bad_sign_up);
}

Task<void> check_lock_out(World& world) {
  const auto hash = base::Secret("$argon2id$none");
  (void)world.users
      .create({.email = "ann@example.com",
               .name = "Ann",
               .password_hash = hash,
               .status = db::UserStatus::kActive})
      .value();
  int refused = 0;
  for (int i = 0; i < 7 && refused == 0; ++i) {
    const Got got = co_await world.call("POST", "/v1/auth/login",
                                        credentials("ann@example.com", "guess guess"));
    EXPECT_TRUE(got.status == 401 || got.status == 429) << got.body;
    if (got.status == 429) refused = i;
  }
  EXPECT_EQ(refused, static_cast<int>(db::kFreeFailuresPerUser));
  const Got got =
      co_await world.call("POST", "/v1/auth/login", credentials("bob@example.com", "guess guess"));
  EXPECT_EQ(got.status, 401) << "others need not wait";
}

TEST(ApiAccountsTest, WhoGuessesHasToWait) {
  World().run(check_lock_out);
}

Task<void> check_sessions(World& world) {
  (void)world.accounts.create_user("ann@example.com", "Ann", base::Secret(std::string(kPassword)));
  Got got = co_await world.call("POST", "/v1/auth/login", credentials("ann@example.com"));
  const std::string first = cookie(got);
  const std::string access = field(got, "token");
  got = co_await world.call("POST", "/v1/auth/refresh", "", Headers().with("Cookie", first));
  EXPECT_EQ(got.status, 200) << got.body;
  const std::string second = cookie(got);
  EXPECT_NE(first, second);
  // Two tabs at once: both go on, the cookie is that of the first answer.
  got = co_await world.call("POST", "/v1/auth/refresh", "", Headers().with("Cookie", first));
  EXPECT_TRUE(got.status == 200 && cookie(got).empty()) << got.body;
  got = co_await world.call("POST", "/v1/auth/refresh", "",
                            Headers().with("Cookie", second).with("Origin", "http://evil.example"));
  EXPECT_EQ(got.status, 403) << got.body;
  got =
      co_await world.call("POST", "/v1/auth/refresh", "",
                          Headers().with("Cookie", second).with("Origin", "http://wrenn.example"));
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ((co_await world.call("POST", "/v1/auth/refresh")).status, 401);

  got = co_await world.call("GET", "/v1/me/sessions", "", bearer(access));
  EXPECT_TRUE(got.has(R"("is_current":true)") && got.has(R"("address":"127.0.0.1")")) << got.body;
  // A new password ends all other sessions.
  const Got other = co_await world.call("POST", "/v1/auth/login", credentials("ann@example.com"));
  const std::string change =
      concat(R"({"current_password":")", kPassword, R"(","new_password":"quite another"})");
  got = co_await world.call("POST", "/v1/me/password",
                            R"({"current_password":"no","new_password":"quite another"})",
                            bearer(access));
  EXPECT_TRUE(got.status == 401 && got.has("wrong_password")) << got.body;
  EXPECT_EQ((co_await world.call("POST", "/v1/me/password", change, bearer(access))).status, 204);
  EXPECT_EQ((co_await world.call("GET", "/v1/me", "", bearer(field(other, "token")))).status, 401);
  EXPECT_EQ((co_await world.call("GET", "/v1/me", "", bearer(access))).status, 200);
  // Out is out, also for an access token that would be good for minutes.
  got = co_await world.call("POST", "/v1/auth/logout", "", bearer(access));
  EXPECT_EQ(got.status, 204);
  EXPECT_TRUE(got.headers.find("set-cookie").value_or("").find("Max-Age=0") !=
              std::string_view::npos);
  EXPECT_EQ((co_await world.call("GET", "/v1/me", "", bearer(access))).status, 401);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules", "", bearer(access))).status, 401);
}

TEST(ApiAccountsTest, SessionsEndWhenTheyShould) {
  World().run(check_sessions);
}

Task<void> check_reset(World& world) {
  const auto user =
      world.accounts.create_user("ann@example.com", "Ann", base::Secret("old password"));
  EXPECT_TRUE(user) << user.error().message;
  const Got login =
      co_await world.call("POST", "/v1/auth/login", credentials("ann@example.com", "old password"));
  for (const char* email : {"ann@example.com", "nobody@example.com"}) {
    const Got got =
        co_await world.call("POST", "/v1/me/password/reset", concat("{\"email\":\"", email, "\"}"));
    EXPECT_TRUE(got.status == 204 && got.body.empty()) << got.body;
  }
  EXPECT_EQ(mails(world), 1u);
  const std::string confirm = concat(R"({"token":")", mailed_token(world, "ann@example.com"),
                                     R"(","new_password":")", kPassword, "\"}");
  EXPECT_EQ((co_await world.call("POST", "/v1/me/password/reset/confirm", confirm)).status, 204);
  EXPECT_EQ((co_await world.call("POST", "/v1/me/password/reset/confirm", confirm)).status, 400);
  EXPECT_EQ((co_await world.call("GET", "/v1/me", "", bearer(field(login, "token")))).status, 401);
  EXPECT_EQ((co_await world.call("POST", "/v1/auth/login", credentials("ann@example.com"))).status,
            200);
}

TEST(ApiAccountsTest, AForgottenPasswordIsSetAnew) {
  World().run(check_reset);
}

Task<void> check_teams(World& world) {
  const std::string ann = user_with_token(world, "ann");
  const std::string bob = user_with_token(world, "bob");
  Got got = co_await world.call("GET", "/v1/me", "", bearer(ann));
  const std::string team = got.body.substr(got.body.find("team-"), 30);
  const std::string path = concat("/v1/teams/", team);
  const std::string bob_id = world.users.find_by_email("bob@example.com")->id;

  EXPECT_EQ((co_await world.call("GET", path, "", bearer(bob))).status, 403);
  got =
      co_await world.call("POST", path + "/members", R"({"email":"who@example.com"})", bearer(ann));
  EXPECT_EQ(got.status, 404) << got.body;
  got =
      co_await world.call("POST", path + "/members", R"({"email":"Bob@example.com"})", bearer(ann));
  EXPECT_TRUE(got.status == 201 && got.has(R"("role":"member")")) << got.body;
  got =
      co_await world.call("POST", path + "/members", R"({"email":"bob@example.com"})", bearer(ann));
  EXPECT_TRUE(got.status == 409) << got.body;
  got = co_await world.call("POST", "/v1/auth/switch-team", concat("{\"team_id\":\"", team, "\"}"),
                            bearer(bob));
  EXPECT_EQ(got.status, 200) << got.body;
  const std::string member = field(got, "token");

  // What a member may not.
  const std::string role = concat(path, "/members/", bob_id);
  EXPECT_EQ((co_await world.call("PATCH", path, R"({"name":"X"})", bearer(member))).status, 403);
  EXPECT_EQ((co_await world.call("PATCH", role, R"({"role":"admin"})", bearer(member))).status,
            403);
  EXPECT_EQ(
      (co_await world.call("POST", path + "/members", R"({"email":"a@b"})", bearer(member))).status,
      403);
  EXPECT_EQ((co_await world.call("GET", path + "/invitations", "", bearer(member))).status, 403);
  EXPECT_EQ((co_await world.call("DELETE", path, "", bearer(member))).status, 403);
  EXPECT_EQ((co_await world.call("GET", path + "/members", "", bearer(member))).status, 200);
  // What an admin may, and may not.
  EXPECT_EQ((co_await world.call("PATCH", role, R"({"role":"owner"})", bearer(ann))).status, 400);
  EXPECT_EQ((co_await world.call("PATCH", role, R"({"role":"admin"})", bearer(ann))).status, 204);
  EXPECT_EQ((co_await world.call("PATCH", path, R"({"name":"Two"})", bearer(member))).status, 204);
  EXPECT_EQ((co_await world.call("PATCH", path, R"({"name":"<b>"})", bearer(member))).status, 400);
  EXPECT_EQ((co_await world.call("DELETE", path, "", bearer(member))).status, 403);
  const std::string owner =
      concat(path, "/members/", world.users.find_by_email("ann@example.com")->id);
  EXPECT_EQ((co_await world.call("DELETE", owner, "", bearer(member))).status, 404);
  EXPECT_EQ((co_await world.call("POST", path + "/leave", "", bearer(ann))).status, 403);
  const std::string handed = concat("{\"user_id\":\"", bob_id, "\"}");
  EXPECT_EQ((co_await world.call("POST", path + "/owner", handed, bearer(member))).status, 403);
  EXPECT_EQ((co_await world.call("POST", path + "/owner", handed, bearer(ann))).status, 204);
  EXPECT_EQ((co_await world.call("POST", path + "/leave", "", bearer(ann))).status, 204);
  got = co_await world.call("GET", "/v1/capsules", "", bearer(ann));
  EXPECT_EQ(got.status, 403) << "not a member any more, whatever the token says: " << got.body;
  EXPECT_EQ((co_await world.call("DELETE", path, "", bearer(member))).status, 204);
  got = co_await world.call("GET", "/v1/teams", "", bearer(bob));
  EXPECT_FALSE(got.has(team)) << got.body;
}

TEST(ApiAccountsTest, RolesInATeam) {
  World().run(check_teams);
}

Task<void> check_invitations(World& world) {
  const std::string ann = user_with_token(world, "ann");
  Got got = co_await world.call("GET", "/v1/me", "", bearer(ann));
  const std::string team = got.body.substr(got.body.find("team-"), 30);
  const std::string path = concat("/v1/teams/", team, "/invitations");
  got = co_await world.call("POST", path, R"({"email":"new@example.com","role":"admin"})",
                            bearer(ann));
  EXPECT_EQ(got.status, 201) << got.body;
  got = co_await world.call("GET", path, "", bearer(ann));
  EXPECT_TRUE(got.has(R"("email":"new@example.com")") && got.has(R"("role":"admin")")) << got.body;
  const std::string token = mailed_token(world, "new@example.com");
  EXPECT_FALSE(got.has(token));
  // Not for whoever else gets hold of it.
  const std::string accept = concat("{\"token\":\"", token, "\"}");
  const std::string eve = user_with_token(world, "eve");
  got = co_await world.call("POST", "/v1/invitations/accept", accept, bearer(eve));
  EXPECT_TRUE(got.status == 400 && got.has("invalid_token")) << got.body;
  // It was mailed, so who has it has the address: no second mail.
  got = co_await world.call("POST", "/v1/auth/signup",
                            concat(R"({"email":"new@example.com","name":"New","password":")",
                                   kPassword, R"(","invitation":")", token, "\"}"));
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_EQ(mails(world), 1u);
  got = co_await world.call("POST", "/v1/auth/login", credentials("new@example.com"));
  EXPECT_TRUE(got.has(team) && got.has(R"("role":"admin")")) << got.body;
  got = co_await world.call("POST", path, R"({"email":"eve@example.com"})", bearer(ann));
  const std::string second = concat("{\"token\":\"", mailed_token(world, "eve@example.com"), "\"}");
  EXPECT_EQ((co_await world.call("POST", "/v1/invitations/accept", second, bearer(eve))).status,
            200);
  EXPECT_EQ((co_await world.call("POST", "/v1/invitations/accept", second, bearer(eve))).status,
            400);
}

TEST(ApiAccountsTest, Invitations) {
  World().run(check_invitations);
}

Task<void> check_keys(World& world) {
  const std::string ann = user_with_token(world, "ann");
  Got got = co_await world.call("POST", "/v1/api-keys",
                                R"({"name":"ci","scopes":["sandboxes:read"],"expires_in_days":30})",
                                bearer(ann));
  EXPECT_TRUE(got.status == 201 && got.has(R"("scopes":["sandboxes:read"])")) << got.body;
  EXPECT_TRUE(got.has(R"("creator_email":"ann@example.com")") && got.has(R"("expires_at":"2)"));
  const std::string key = field(got, "key");
  const std::string id = field(got, "id");
  const Headers with_key = Headers().with("X-API-Key", key);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules", "", with_key)).status, 200);
  got = co_await world.call("POST", "/v1/capsules", "{}", with_key);
  EXPECT_TRUE(got.status == 403 && got.has("sandboxes:write")) << got.body;
  EXPECT_EQ((co_await world.call("GET", "/v1/snapshots", "", with_key)).status, 403);
  EXPECT_EQ((co_await world.call("GET", "/v1/me", "", with_key)).status, 403);
  got = co_await world.call("GET", "/v1/api-keys", "", bearer(ann));
  EXPECT_TRUE(got.has(id) && !got.has(key)) << got.body;
  EXPECT_EQ((co_await world.call("DELETE", "/v1/api-keys/" + id, "",
                                 bearer(user_with_token(world, "eve"))))
                .status,
            204);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules", "", with_key)).status, 200)
      << "another team's key is not touched";
  EXPECT_EQ((co_await world.call("DELETE", "/v1/api-keys/" + id, "", bearer(ann))).status, 204);
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules", "", with_key)).status, 401);
  for (const char* bad : {R"({"scopes":["all"]})", R"({"expires_in_days":0.5})",
                          R"({"expires_in_days":99999})", R"({"name":7})"}) {
    EXPECT_EQ((co_await world.call("POST", "/v1/api-keys", bad, bearer(ann))).status, 400) << bad;
  }
}

TEST(ApiAccountsTest, KeysAreGoodForWhatTheySay) {
  World().run(check_keys);
}

Task<void> check_admin(World& world) {
  const std::string root = user_with_token(world, "root");
  const std::string ann = user_with_token(world, "ann");
  const std::string ann_id = world.users.find_by_email("ann@example.com")->id;
  EXPECT_EQ((co_await world.call("GET", "/v1/admin/users", "", bearer(ann))).status, 403);
  EXPECT_EQ((co_await world.call("GET", "/v1/admin/users")).status, 403) << "no key is";
  Got got = co_await world.call("GET", "/v1/admin/users", "", bearer(root));
  EXPECT_TRUE(got.has("ann@example.com") && got.has(R"("status":"active")")) << got.body;
  const std::string path = concat("/v1/admin/users/", ann_id, "/active");
  EXPECT_EQ((co_await world.call("PUT", path, R"({"active":false})", bearer(root))).status, 204);
  got = co_await world.call("GET", "/v1/me", "", bearer(ann));
  EXPECT_EQ(got.status, 401) << got.body;
  EXPECT_EQ((co_await world.call("PUT", path, R"({"active":true})", bearer(root))).status, 204);
  const std::string own =
      concat("/v1/admin/users/", world.users.find_by_email("root@example.com")->id, "/active");
  EXPECT_EQ((co_await world.call("PUT", own, R"({"active":false})", bearer(root))).status, 400);
}

TEST(ApiAccountsTest, AdministratorsOfThePlatform) {
  World().run(check_admin);
}

Task<void> check_deletion(World& world) {
  const std::string ann = user_with_token(world, "ann");
  (void)co_await world.call("POST", "/v1/capsules", "{}", bearer(ann));
  const std::string confirm = R"({"confirmation":"ann@example.com"})";
  EXPECT_EQ(
      (co_await world.call("DELETE", "/v1/me", R"({"confirmation":"x"})", bearer(ann))).status,
      400);
  Got got = co_await world.call("DELETE", "/v1/me", confirm, bearer(ann));
  EXPECT_TRUE(got.status == 409 && got.has("has_active_sandboxes")) << got.body;
  got = co_await world.call("GET", "/v1/capsules", "", bearer(ann));
  const std::string path = concat("/v1/capsules/", World::id_in(got.body));
  EXPECT_EQ((co_await world.call("GET", path)).status, 404) << "of another team";
  EXPECT_EQ((co_await world.call("DELETE", path, "", bearer(ann))).status, 204);
  EXPECT_EQ((co_await world.call("DELETE", "/v1/me", confirm, bearer(ann))).status, 204);
  EXPECT_EQ((co_await world.call("GET", "/v1/me", "", bearer(ann))).status, 401);
  EXPECT_FALSE(world.users.find_by_email("ann@example.com"));
}

TEST(ApiAccountsTest, AnAccountIsDeletedWhenNothingIsLost) {
  World().run(check_deletion);
}

// Each route that is for people, with nothing, with a key, and with nonsense.
Task<void> check_strangers(World& world) {
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"POST", "/v1/auth/logout"},
      {"POST", "/v1/auth/switch-team"},
      {"GET", "/v1/me"},
      {"PATCH", "/v1/me"},
      {"DELETE", "/v1/me"},
      {"POST", "/v1/me/password"},
      {"GET", "/v1/me/sessions"},
      {"DELETE", "/v1/me/sessions/x"},
      {"POST", "/v1/api-keys"},
      {"GET", "/v1/api-keys"},
      {"DELETE", "/v1/api-keys/x"},
      {"GET", "/v1/teams"},
      {"POST", "/v1/teams"},
      {"GET", "/v1/teams/x"},
      {"PATCH", "/v1/teams/x"},
      {"DELETE", "/v1/teams/x"},
      {"POST", "/v1/teams/x/leave"},
      {"POST", "/v1/teams/x/owner"},
      {"GET", "/v1/teams/x/members"},
      {"POST", "/v1/teams/x/members"},
      {"PATCH", "/v1/teams/x/members/y"},
      {"DELETE", "/v1/teams/x/members/y"},
      {"GET", "/v1/teams/x/invitations"},
      {"POST", "/v1/teams/x/invitations"},
      {"DELETE", "/v1/teams/x/invitations/y"},
      {"POST", "/v1/invitations/accept"},
      {"GET", "/v1/users/search"},
      {"GET", "/v1/admin/users"},
      {"PUT", "/v1/admin/users/x/active"}};
  for (const auto& [method, path] : routes) {
    EXPECT_EQ((co_await world.call(method, path, "{}", Headers().with("X-API-Key", ""))).status,
              401)
        << method << path;
    EXPECT_EQ((co_await world.call(method, path, "{}", bearer("a.b.c"))).status, 401)
        << method << path;
    EXPECT_EQ((co_await world.call(method, path, "{}")).status, 403) << method << path;
  }
}

TEST(ApiAccountsTest, StrangersAndKeysGetNowhere) {
  World().run(check_strangers);
}

}  // namespace
}  // namespace wrenn::control
