// Logging in by way of GitHub, over HTTP, with a stand-in for it.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/test_server.h"
#include "control/api/requests.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

constexpr std::string_view kPage = "http://wrenn.example/auth/github/callback";
constexpr std::string_view kSettings = "http://wrenn.example/dashboard/settings";

const base::TestServer& github() {
  static const base::TestServer server({WRENN_GITHUB_SERVER, "the-client", "the-secret"});
  return server;
}

OAuthSettings settings(const char* secret = "the-secret") {
  return {.github = {.client_id = "the-client",
                     .client_secret = base::Secret(secret),
                     .url = concat("http://127.0.0.1:", github().port())},
          .api_url = "http://cp.example",
          .dashboard_url = "http://wrenn.example"};
}

struct OAuthWorld : World {
  explicit OAuthWorld(OAuthSettings oauth_settings = settings())
      : World(Hosts::kOne, std::move(oauth_settings)) {}
};

std::string location(const Got& got) {
  return std::string(got.headers.find("location").value_or(""));
}

std::vector<std::string> set_cookies(const Got& got) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < got.headers.size(); ++i) {
    if (base::equal_ignore_case(got.headers[i].name, "set-cookie")) {
      all.emplace_back(got.headers[i].value);
    }
  }
  return all;
}
// "name=value" of the cookie that is set, or nothing.
std::string cookie(const Got& got, std::string_view name) {
  for (const auto& text : set_cookies(got)) {
    if (text.starts_with(concat(name, '='))) return text.substr(0, text.find(';'));
  }
  return {};
}

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

// A browser on its way: its cookie, and where GitHub sends it.
struct Way {
  std::string cookie;
  std::string target;  // Of the callback.
};

// The person agrees at GitHub, and comes to this target of ours.
Task<std::string> agree(std::string url, std::string person) {
  const std::string base = concat("http://127.0.0.1:", github().port());
  EXPECT_TRUE(url.starts_with(concat(base, "/login/oauth/authorize?"))) << url;
  const auto endpoint = net::Endpoint::tcp("127.0.0.1", github().port()).value();
  net::HttpClient client(endpoint, {});
  const auto response =
      co_await client.send({.method = "GET",
                            .target = concat(url.substr(base.size()), "&person=", person),
                            .headers = {},
                            .body = {}});
  if (!response || response->status() != 302) {
    ADD_FAILURE() << "GitHub does not take " << url;
    co_return "";
  }
  const std::string to(response->headers().find("location").value_or(""));
  EXPECT_TRUE(to.starts_with("http://cp.example/auth/oauth/github/callback?")) << to;
  co_return to.substr(std::string_view("http://cp.example").size());
}

Task<Way> go(World& world, std::string query, std::string person) {
  const Got got = co_await world.call("GET", concat("/auth/oauth/github", query));
  EXPECT_EQ(got.status, 302) << got.body;
  co_return Way{cookie(got, "wrenn_oauth"), co_await agree(location(got), std::move(person))};
}

Task<Got> come(World& world, Way way) {
  co_return co_await world.call("GET", way.target, "", Headers().with("Cookie", way.cookie));
}

Task<Got> round_trip(World& world, std::string query, std::string person) {
  co_return co_await come(world, co_await go(world, std::move(query), std::move(person)));
}

// The access token of one who came back, as the dashboard gets it.
Task<std::string> token_of(World& world, const Got& got) {
  const Got refreshed = co_await world.call("POST", "/v1/auth/refresh", "",
                                            Headers().with("Cookie", cookie(got, "wrenn_session")));
  EXPECT_EQ(refreshed.status, 200) << refreshed.body;
  co_return field(refreshed, "token");
}

db::User person(World& world, const std::string& name, const char* hash = "hash") {
  return world.users
      .create({.email = name + "@example.com",
               .name = name,
               .password_hash = base::Secret(hash),
               .status = db::UserStatus::kActive})
      .value();
}
std::string token_for(World& world, const db::User& user) {
  return std::string(world.accounts.start_session(user, {})->access_token.reveal());
}

Task<void> check_sign_up(World& world) {
  Got got = co_await world.call("GET", "/v1/auth/providers", "", Headers().with("X-API-Key", ""));
  EXPECT_EQ(got.body, R"({"providers":["github"]})");
  got = co_await round_trip(world, "", "1,ann@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?error=no_account"));
  EXPECT_TRUE(cookie(got, "wrenn_session").empty());

  got = co_await round_trip(world, "?intent=signup", "1,Ann@Example.com");
  EXPECT_EQ(got.status, 302);
  EXPECT_EQ(location(got), concat(kPage, "?new_signup=1"));
  EXPECT_EQ(set_cookies(got).size(), 2u);
  for (const auto& text : set_cookies(got)) {
    EXPECT_NE(text.find("; HttpOnly"), std::string::npos) << text;
  }
  const std::string token = co_await token_of(world, got);
  got = co_await world.call("GET", "/v1/me", "", bearer(token));
  EXPECT_TRUE(got.has(R"("email":"ann@example.com")")) << got.body;
  EXPECT_TRUE(got.has(R"("name":"person1")")) << got.body;
  EXPECT_TRUE(got.has(R"("has_password":false,"providers":["github"],"is_admin":true)"))
      << got.body;

  // Their number is what counts, whatever their address is now.
  got = co_await round_trip(world, "", "1,new@example.com,unverified");
  EXPECT_EQ(location(got), kPage);
  got = co_await round_trip(world, "?intent=signup", "1,ann@example.com");
  EXPECT_EQ(location(got), kPage) << "not new";
  got = co_await round_trip(world, "?intent=signup", "2,bob@example.com");
  got = co_await world.call("GET", "/v1/me", "", bearer(co_await token_of(world, got)));
  EXPECT_TRUE(got.has(R"("is_admin":false)")) << got.body;

  EXPECT_TRUE(co_await world.audit.flush());
  got = co_await world.call("GET", "/v1/admin/audit-logs", "", bearer(token));
  EXPECT_TRUE(got.has("user.sign_up") && got.has("session.log_in")) << got.body;
}

TEST(ApiOAuthTest, SignUpAndLogIn) {
  OAuthWorld().run(check_sign_up);
}

Task<void> check_states(World& world) {
  (void)co_await round_trip(world, "?intent=signup", "1,ann@example.com");
  const std::string refused = concat(kPage, "?error=invalid_state");
  Way way = co_await go(world, "", "1,ann@example.com");
  // Another browser, with no cookie, with one of its own, or with one that was written.
  EXPECT_EQ(location(co_await come(world, Way{"", way.target})), refused);
  const Way other = co_await go(world, "", "1,ann@example.com");
  EXPECT_EQ(location(co_await come(world, Way{other.cookie, way.target})), refused);
  std::string written = way.cookie;
  written.replace(written.find(".login."), 7, ".link.");
  EXPECT_EQ(location(co_await come(world, Way{written, way.target})), refused);
  EXPECT_EQ(location(co_await come(world, Way{way.cookie, "/auth/oauth/other/callback"})),
            "http://wrenn.example/auth/other/callback?error=invalid_state");
  EXPECT_EQ(location(co_await come(world, Way{way.cookie, "/auth/oauth/github/callback"})),
            refused);
  // Its own, once.
  EXPECT_EQ(location(co_await come(world, way)), kPage);
  EXPECT_EQ(location(co_await come(world, way)), refused);
  // Beside an older one.
  way = co_await go(world, "", "1,ann@example.com");
  EXPECT_EQ(location(co_await come(world, Way{concat(other.cookie, "; ", way.cookie), way.target})),
            kPage);
  EXPECT_EQ((co_await world.call("GET", "/auth/oauth/other")).status, 404);
  const Got got = co_await world.call("GET", "/v1/auth/oauth/github?intent=signup&invitation=x.y");
  EXPECT_TRUE(got.status == 400 && got.has("invalid_token")) << got.body;
}

TEST(ApiOAuthTest, AStateIsOneBrowsersAndGoodOnce) {
  OAuthWorld().run(check_states);
}

TEST(ApiOAuthTest, AStateExpires) {
  OAuthWorld world;
  std::int64_t now = 1'000'000;
  ProviderLogins logins(
      world.accounts, [&](auto name) { return world.secrets.get_or_create(name); }, settings(),
      [&] { return now; });
  const auto start = logins.begin("github", {}).value();
  const auto at = start.url.find("&state=") + 7;
  const OAuthReturn back{.state = start.url.substr(at, 64),
                         .code = {},
                         .error = "access_denied",
                         .cookies = {std::string(start.cookie.reveal())}};
  now += kOAuthStateMs;
  EXPECT_EQ(logins.finish("github", back, {}).error().code, "invalid_state");
  now -= 1;
  EXPECT_EQ(logins.finish("github", back, {}).error().code, "access_denied");
}

Task<void> check_refusals(World& world) {
  const db::User ann = person(world, "ann");
  const auto error = [](std::string_view code) { return concat(kPage, "?error=", code); };
  Got got = co_await round_trip(world, "", "nobody");
  EXPECT_EQ(location(got), error("access_denied"));
  Way way = co_await go(world, "", "1,ann@example.com");
  way.target.replace(way.target.find("code="), 5, "kode=");
  EXPECT_EQ(location(co_await come(world, way)), error("missing_code"));
  way = co_await go(world, "", "1,ann@example.com");
  way.target.replace(way.target.find("code=") + 5, 4, "none");
  EXPECT_EQ(location(co_await come(world, way)), error("exchange_failed"));
  got = co_await round_trip(world, "?intent=signup", "1,ann@example.com");
  EXPECT_EQ(location(got), error("email_taken")) << "only ann may link it";
  got = co_await round_trip(world, "?intent=signup", "1,new@example.com,unverified");
  EXPECT_EQ(location(got), error("no_verified_email"));
  EXPECT_FALSE(world.users.find_by_email("shown@example.com"));

  got = co_await round_trip(world, "?intent=signup", "3,cleo@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?new_signup=1"));
  const auto cleo = world.users.find_by_email("cleo@example.com").value();
  EXPECT_TRUE(world.users.set_enabled(cleo.id, false).value());
  got = co_await round_trip(world, "", "3,cleo@example.com");
  EXPECT_EQ(location(got), error("account_deactivated"));
  got = co_await round_trip(world, "?intent=signup", "4,cleo@example.com");
  EXPECT_EQ(location(got), error("account_deactivated"));

  EXPECT_TRUE(world.database.write().execute("DROP TABLE user_identities"));
  got = co_await round_trip(world, "", "3,cleo@example.com");
  EXPECT_EQ(location(got), error("db_error"));
}

TEST(ApiOAuthTest, TheDashboardIsToldWhy) {
  OAuthWorld().run(check_refusals);
}

Task<void> check_wrong_secret(World& world) {
  const Got got = co_await round_trip(world, "?intent=signup", "1,ann@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?error=exchange_failed"));
  EXPECT_FALSE(world.users.find_by_email("ann@example.com"));
}

TEST(ApiOAuthTest, GithubHasToKnowUs) {
  OAuthWorld(settings("another")).run(check_wrong_secret);
}

// Whoever signed up by password with somebody else's address gets nothing of it.
Task<void> check_take_over(World& world) {
  const auto waiting = world.users
                           .create({.email = "ann@example.com",
                                    .name = "Eve",
                                    .password_hash = base::Secret("evil"),
                                    .status = db::UserStatus::kInactive})
                           .value();
  const Got got = co_await round_trip(world, "?intent=signup", "1,ann@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?new_signup=1"));
  const auto ann = world.users.get(waiting.id).value();
  EXPECT_TRUE(ann.password_hash.empty());
  EXPECT_EQ(ann.name, "person1");
  EXPECT_TRUE(ann.is_admin) << "the first one who is active";
}

TEST(ApiOAuthTest, AnAccountThatWasNotActivatedIsTakenOver) {
  OAuthWorld().run(check_take_over);
}

Task<void> check_closed(World& world) {
  Accounts closed(world.stores, world.access_tokens,
                  {.is_signup_open = false, .public_url = "http://wrenn.example"},
                  [](Mail) -> base::Result<void> { return {}; });
  ProviderLogins logins(
      closed, [&](auto name) { return world.secrets.get_or_create(name); }, settings());
  const auto start = logins.begin("github", {.intent = OAuthIntent::kSignUp}).value();
  const std::string target = co_await agree(start.url, "1,ann@example.com");
  const std::string query = target.substr(target.find('?') + 1);
  const auto end = logins.finish("github",
                                 {.state = query_parameter(query, "state"),
                                  .code = base::Secret(query_parameter(query, "code")),
                                  .error = {},
                                  .cookies = {std::string(start.cookie.reveal())}},
                                 {});
  EXPECT_FALSE(end);
  if (!end) EXPECT_EQ(end.error().code, "signup_closed");
  EXPECT_FALSE(world.users.find_by_email("ann@example.com"));
}

TEST(ApiOAuthTest, WhereSignUpIsClosedGithubOpensNothing) {
  OAuthWorld().run(check_closed);
}

Task<void> check_invitation(World& world) {
  const auto owner = person(world, "owner");
  const auto team = world.teams.create("Team", owner.id).value();
  const auto invitation =
      world.stores.tokens
          .issue(db::TokenPurpose::kInvitation, {.team_id = team.id, .email = "ann@example.com"},
                 std::chrono::minutes(10))
          .value();
  const std::string query = concat("?intent=signup&invitation=", invitation.reveal());
  Got got = co_await round_trip(world, query, "2,bob@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?error=invalid_invitation"));
  got = co_await round_trip(world, query, "1,ann@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?new_signup=1"));
  const auto ann = world.users.find_by_email("ann@example.com").value();
  EXPECT_EQ(world.teams.of_user(ann.id)->size(), 1u);
  EXPECT_EQ(world.teams.role_of(team.id, ann.id).value(), db::Role::kMember);
}

TEST(ApiOAuthTest, WhoIsInvitedComesIntoTheTeam) {
  OAuthWorld().run(check_invitation);
}

Task<Way> connect(World& world, const std::string& token, std::string person) {
  const Got got = co_await world.call("GET", "/v1/me/providers/github/connect", "", bearer(token));
  EXPECT_EQ(got.status, 200) << got.body;
  co_return Way{cookie(got, "wrenn_oauth"),
                co_await agree(field(got, "auth_url"), std::move(person))};
}

Task<void> check_links(World& world) {
  const db::User ann = person(world, "ann");
  const std::string token = token_for(world, ann);
  Got got = co_await come(world, co_await connect(world, token, "1,elsewhere@example.com"));
  EXPECT_EQ(location(got), concat(kSettings, "?connected=github"));
  EXPECT_TRUE(cookie(got, "wrenn_session").empty()) << "they have a session";
  got = co_await world.call("GET", "/v1/me", "", bearer(token));
  EXPECT_TRUE(got.has(R"("providers":["github"])")) << got.body;
  got = co_await round_trip(world, "", "1,elsewhere@example.com");
  EXPECT_EQ(location(got), kPage);
  got = co_await world.call("GET", "/v1/me", "", bearer(co_await token_of(world, got)));
  EXPECT_TRUE(got.has("ann@example.com")) << got.body;

  const db::User bob = person(world, "bob");
  const std::string bobs = token_for(world, bob);
  got = co_await come(world, co_await connect(world, bobs, "1,elsewhere@example.com"));
  EXPECT_EQ(location(got), concat(kSettings, "?connect_error=already_linked"));
  got = co_await come(world, co_await connect(world, bobs, "nobody"));
  EXPECT_EQ(location(got), concat(kSettings, "?connect_error=access_denied"));
  // Who has logged out meanwhile.
  const Way way = co_await connect(world, bobs, "2,bob@example.com");
  EXPECT_EQ((co_await world.call("POST", "/v1/auth/logout", "", bearer(bobs))).status, 204);
  EXPECT_EQ(location(co_await come(world, way)), concat(kSettings, "?connect_error=invalid_state"));

  const std::string link = "/v1/me/providers/github";
  EXPECT_EQ((co_await world.call("DELETE", link, "", bearer(token))).status, 204);
  EXPECT_EQ((co_await world.call("DELETE", link, "", bearer(token))).status, 404);
  got = co_await round_trip(world, "", "1,elsewhere@example.com");
  EXPECT_EQ(location(got), concat(kPage, "?error=no_account"));
  EXPECT_TRUE(co_await world.audit.flush());
  got = co_await world.call("GET", "/v1/admin/audit-logs", "", bearer(token));
  EXPECT_TRUE(got.has("provider.connect") && got.has("provider.disconnect")) << got.body;
}

TEST(ApiOAuthTest, AnAccountIsLinkedByItsOwner) {
  OAuthWorld().run(check_links);
}

Task<void> check_last_way(World& world) {
  const Got got = co_await round_trip(world, "?intent=signup", "1,ann@example.com");
  const std::string token = co_await token_of(world, got);
  const std::string link = "/v1/me/providers/github";
  const Got refused = co_await world.call("DELETE", link, "", bearer(token));
  EXPECT_TRUE(refused.status == 400 && refused.has("last_login_method")) << refused.body;
  EXPECT_EQ(
      (co_await world.call("POST", "/v1/me/password",
                           R"({"new_password":"long enough","confirm_password":"long enough"})",
                           bearer(token)))
          .status,
      204);
  EXPECT_EQ((co_await world.call("DELETE", link, "", bearer(token))).status, 204);
}

TEST(ApiOAuthTest, TheLastWayInStays) {
  OAuthWorld().run(check_last_way);
}

Task<void> check_strangers(World& world) {
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"GET", "/v1/me/providers/github/connect"}, {"DELETE", "/v1/me/providers/github"}};
  for (const auto& [method, path] : routes) {
    const Headers nothing = Headers().with("X-API-Key", "");
    EXPECT_EQ((co_await world.call(method, path, "", nothing)).status, 401) << path;
    EXPECT_EQ((co_await world.call(method, path, "", bearer("a.b.c"))).status, 401) << path;
    EXPECT_EQ((co_await world.call(method, path)).status, 403) << path << ", with a key";
  }
  Got got = co_await world.call("GET", "/v1/auth/providers");
  EXPECT_EQ(got.body, R"({"providers":[]})");
  EXPECT_EQ((co_await world.call("GET", "/auth/oauth/github")).status, 404);
  got = co_await world.call("GET", "/auth/oauth/github/callback?code=x&state=y");
  EXPECT_EQ(got.status, 302);
}

TEST(ApiOAuthTest, StrangersGetNowhereAndItCanBeOff) {
  World().run(check_strangers);
}

TEST(OAuthSettingsTest, SayWhatIsMissing) {
  std::map<std::string, std::string, std::less<>> set;
  const auto get = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = set.find(name);
    if (found == set.end()) return std::nullopt;
    return found->second;
  };
  EXPECT_TRUE(oauth_settings(get, "")->github.client_id.empty());
  set["OAUTH_GITHUB_CLIENT_ID"] = "id";
  EXPECT_FALSE(oauth_settings(get, "https://w.example"));
  set["WRENN_OAUTH_GITHUB_CLIENT_SECRET"] = "secret";
  EXPECT_FALSE(oauth_settings(get, "")) << "where GitHub sends people back to";
  EXPECT_EQ(oauth_settings(get, "https://w.example/")->api_url, "https://w.example");
  set["CP_PUBLIC_URL"] = "https://cp.example";
  EXPECT_EQ(oauth_settings(get, "")->dashboard_url, "https://cp.example");
  EXPECT_EQ(oauth_settings(get, "")->github.url, "https://github.com");
  set["OAUTH_REDIRECT_URL"] = "https://app.example";
  EXPECT_EQ(oauth_settings(get, "https://w.example")->dashboard_url, "https://app.example");
  set["WRENN_GITHUB_URL"] = "ftp://git.example";
  EXPECT_FALSE(oauth_settings(get, ""));
}

}  // namespace
}  // namespace wrenn::control
