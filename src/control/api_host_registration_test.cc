// Hosts that register, over HTTP: from the token to the removal, and who may do what.
#include <gtest/gtest.h>

#include "base/id.h"
#include "base/strings.h"
#include "control/test_world.h"
#include "net/signed_request.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

// The text after "name":" with the escapes of line ends undone, as in PEM.
std::string field(const Got& got, std::string_view name) {
  const std::string start = concat("\"", name, "\":\"");
  const auto at = got.body.find(start);
  if (at == std::string::npos) return {};
  const auto from = at + start.size();
  std::string text = got.body.substr(from, got.body.find('"', from) - from);
  for (auto end = text.find("\\n"); end != std::string::npos; end = text.find("\\n")) {
    text.replace(end, 2, "\n");
  }
  return text;
}

std::string escaped(const std::string& pem) {
  std::string out;
  for (const char c : pem) {
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

constexpr std::string_view kState =
    R"("address":"10.0.0.1:50051","proxy_address":"10.0.0.1:50052","arch":"amd64",)"
    R"("cpu_cores":8,"memory_mb":16384,"disk_gb":200)";

// A host as its agent has it.
struct Machine {
  std::string id;
  std::string token;
  base::Secret key = net::make_private_key().value();
  std::string certificate;
  std::int64_t clock = base::unix_ms_now();

  std::string request() const { return escaped(net::make_certificate_request(key).value()); }
  std::string registration() const {
    return concat(R"({"token":")", token, R"(","csr":")", request(), "\",", kState, "}");
  }
  std::string path(std::string_view what) const { return concat("/v1/hosts/", id, "/", what); }
  // Each is later than the one before.
  Headers sign(std::string_view path, std::string_view body) {
    return Headers()
        .with("X-API-Key", "")
        .with(net::kSignatureField, net::sign_request({"POST", path, body}, key, ++clock).value());
  }
};

Task<Machine> added(World& world, std::string name) {
  const Got got = co_await world.call("POST", "/v1/hosts", concat(R"({"name":")", name, "\"}"));
  EXPECT_EQ(got.status, 201) << got.body;
  Machine machine;
  machine.id = field(got, "id");
  machine.token = field(got, "registration_token");
  co_return machine;
}

Task<Machine> registered(World& world, std::string name) {
  Machine machine = co_await added(world, std::move(name));
  const Got got = co_await world.call("POST", "/v1/hosts/register", machine.registration(),
                                      Headers().with("X-API-Key", ""));
  EXPECT_EQ(got.status, 201) << got.body;
  machine.certificate = field(got, "cert_pem");
  co_return machine;
}

// Somebody with a key of a team of their own.
struct Someone {
  std::string team_id;
  std::string key;
  std::string user_id;
};
Someone someone(World& world, const std::string& name) {
  const auto user = world.users
                        .create({.email = name + "@example.com",
                                 .name = name,
                                 .password_hash = base::Secret("none"),
                                 .status = db::UserStatus::kActive})
                        .value();
  const auto team = world.teams.create(name + "s Team", user.id).value();
  const auto made = world.keys.create(team.id, {.name = "test"}).value();
  return {team.id, std::string(made.text.reveal()), user.id};
}
Headers with_key(const std::string& key) {
  return Headers().with("X-API-Key", key);
}

Task<void> check_registration(World& world) {
  Machine machine = co_await added(world, "rack-1");
  EXPECT_EQ(machine.token.size(), 64u);
  const std::string path = concat("/v1/hosts/", machine.id);
  Got got = co_await world.call("GET", path);
  EXPECT_EQ(field(got, "status"), "pending") << got.body;
  EXPECT_FALSE(got.has(machine.token));
  got = co_await world.call("POST", path + "/token");
  EXPECT_EQ(got.status, 201) << got.body;
  const std::string lost = std::exchange(machine.token, field(got, "registration_token"));
  EXPECT_NE(lost, machine.token);
  const Headers nobody = Headers().with("X-API-Key", "");
  got = co_await world.call("POST", "/v1/hosts/register", machine.registration(), nobody);
  EXPECT_EQ(got.status, 201) << got.body;
  const auto facts = net::read_certificate(field(got, "cert_pem"));
  EXPECT_TRUE(facts) << got.body;
  EXPECT_EQ(facts->uri, host_name_of(machine.id));
  EXPECT_TRUE(net::belongs_together(field(got, "cert_pem"), machine.key).value());
  EXPECT_EQ(field(got, "ca_cert_pem"), world.pki.certificate());
  EXPECT_EQ(field(got, "status"), "unreachable");
  EXPECT_FALSE(got.has("PRIVATE")) << "no key goes over the wire";
  got = co_await world.call("POST", "/v1/hosts/register", machine.registration(), nobody);
  EXPECT_EQ(got.status, 401) << "a token is used once";
  machine.token = lost;
  got = co_await world.call("POST", "/v1/hosts/register", machine.registration(), nobody);
  EXPECT_EQ(got.status, 401) << "it was replaced";
  got = co_await world.call("POST", path + "/token");
  EXPECT_EQ(got.status, 409) << got.body;
  got = co_await world.call("GET", "/v1/hosts");
  EXPECT_TRUE(got.has("rack-1") && got.has("\"cpu_cores\":8") && got.has("local")) << got.body;
  got = co_await world.call("POST", "/v1/hosts", R"({"name":"rack-1"})");
  EXPECT_EQ(got.status, 409) << got.body;
}

TEST(ApiHostRegistrationTest, AHostRegistersOnceWithItsToken) {
  World().run(check_registration);
}

Task<void> check_mistakes(World& world) {
  const Machine machine = co_await added(world, "rack-1");
  const Headers nobody = Headers().with("X-API-Key", "");
  const std::string good = machine.registration();
  const auto with = [&good](std::string_view from, std::string_view to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    return changed;
  };
  for (const std::string& body :
       {with("10.0.0.1:50051", "0.0.0.0:50051"), with("10.0.0.1:50051", "unix:/run/x"),
        with("10.0.0.1:50052", "nowhere"), with("BEGIN", "BEGUN"), with("\"arch\"", "\"ark\""),
        std::string("{}"), std::string("no json")}) {
    const Got got = co_await world.call("POST", "/v1/hosts/register", body, nobody);
    EXPECT_EQ(got.status, 400) << body << got.body;
  }
  const Got got = co_await world.call("POST", "/v1/hosts/register", good, nobody);
  EXPECT_EQ(got.status, 201) << "mistakes use no token up: " << got.body;
  for (const std::string& body : {std::string(R"({"name":"Not This"})"), std::string("{}"),
                                  std::string(R"({"name":"x","type":"big"})"),
                                  std::string(R"({"name":"x","type":"byoc"})")}) {
    EXPECT_EQ((co_await world.call("POST", "/v1/hosts", body)).status, 400) << body;
  }
  EXPECT_EQ((co_await world.call("GET", "/v1/hosts/host-1")).status, 400);
  EXPECT_EQ((co_await world.call("GET", concat("/v1/hosts/", base::new_id("host-")))).status, 404);
}

TEST(ApiHostRegistrationTest, MistakesAreToldAndCostNothing) {
  World().run(check_mistakes);
}

Task<void> check_signed(World& world) {
  Machine machine = co_await registered(world, "rack-1");
  Machine other = co_await registered(world, "rack-2");
  const std::string path = machine.path("heartbeat");
  const std::string body = concat("{", kState, "}");
  const Headers first = machine.sign(path, body);
  Got got = co_await world.call("POST", path, body, first);
  EXPECT_EQ(got.status, 204) << got.body;
  EXPECT_EQ((co_await world.call("POST", path, body, first)).status, 401) << "sent again";
  EXPECT_EQ((co_await world.call("POST", path, body, other.sign(path, body))).status, 401);
  EXPECT_EQ((co_await world.call("POST", path, body)).status, 401) << "an API key is none";
  const std::string moved = concat(
      R"({"address":"10.0.0.9:1","proxy_address":"10.0.0.9:2","arch":"amd64","cpu_cores":4})");
  EXPECT_EQ((co_await world.call("POST", path, moved, machine.sign(path, body))).status, 401)
      << "another body than was signed";
  EXPECT_EQ((co_await world.call("POST", path, moved, machine.sign(path, moved))).status, 204);
  got = co_await world.call("GET", concat("/v1/hosts/", machine.id));
  EXPECT_TRUE(got.has("10.0.0.9:1") && got.has("last_heartbeat_at")) << got.body;

  const std::string renewal = machine.path("certificate");
  const std::string wish = concat(R"({"csr":")", machine.request(), "\"}");
  got = co_await world.call("POST", renewal, wish, machine.sign(renewal, wish));
  EXPECT_EQ(got.status, 200) << got.body;
  const std::string renewed = field(got, "cert_pem");
  EXPECT_NE(renewed, machine.certificate);
  EXPECT_EQ(net::read_certificate(renewed)->uri, host_name_of(machine.id));
  EXPECT_EQ((co_await world.call("POST", path, body, machine.sign(path, body))).status, 204);

  EXPECT_EQ((co_await world.call("DELETE", concat("/v1/hosts/", machine.id))).status, 204);
  got = co_await world.call("POST", path, body, machine.sign(path, body));
  EXPECT_EQ(got.status, 404) << got.body;
}

TEST(ApiHostRegistrationTest, ItsCallsAreSignedAndCountOnce) {
  World().run(check_signed);
}

Task<void> check_rights(World& world) {
  const Someone ann = someone(world, "ann");
  const Someone bob = someone(world, "bob");
  const Machine everybodys = co_await registered(world, "rack-1");
  const std::string path = concat("/v1/hosts/", everybodys.id);
  EXPECT_EQ((co_await world.call("GET", path, "", with_key(ann.key))).status, 404);
  EXPECT_EQ((co_await world.call("DELETE", path, "", with_key(ann.key))).status, 404);
  EXPECT_EQ((co_await world.call("GET", "/v1/hosts", "", with_key(ann.key))).body, "[]");
  const std::string plain = R"({"name":"own"})";
  EXPECT_EQ((co_await world.call("POST", "/v1/hosts", plain, with_key(ann.key))).status, 403);
  const std::string own = concat(R"({"name":"own","team_id":")", ann.team_id, "\"}");
  Got got = co_await world.call("POST", "/v1/hosts", own, with_key(ann.key));
  EXPECT_EQ(got.status, 403) << "it was not allowed yet: " << got.body;
  EXPECT_TRUE(world.teams.set_byoc(ann.team_id, true).value());
  EXPECT_EQ((co_await world.call("POST", "/v1/hosts", own, with_key(bob.key))).status, 403);
  got = co_await world.call("POST", "/v1/hosts", own, with_key(ann.key));
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_TRUE(got.has("\"type\":\"byoc\"")) << got.body;
  const std::string anns = concat("/v1/hosts/", field(got, "id"));
  EXPECT_EQ((co_await world.call("GET", anns, "", with_key(bob.key))).status, 404);
  EXPECT_EQ((co_await world.call("GET", anns, "", with_key(ann.key))).status, 200);

  // A member sees it, and an administrator of the team may change it.
  const auto session = world.sessions.start(bob.user_id, bob.team_id, {}).value();
  EXPECT_TRUE(world.teams.add_member(ann.team_id, bob.user_id, db::Role::kMember));
  const auto token = std::string(
      world.accounts.renew(session.id, bob.user_id, ann.team_id)->access_token.reveal());
  const Headers as_bob =
      Headers().with("Authorization", concat("Bearer ", token)).with("X-API-Key", "");
  EXPECT_EQ((co_await world.call("GET", anns, "", as_bob)).status, 200);
  EXPECT_EQ((co_await world.call("POST", anns + "/token", "", as_bob)).status, 403);
  const std::string labels = R"({"labels":{"zone":"a"}})";
  EXPECT_EQ((co_await world.call("PATCH", anns, labels, as_bob)).status, 403);
  EXPECT_TRUE(world.teams.set_role(ann.team_id, bob.user_id, db::Role::kAdmin).value());
  EXPECT_EQ((co_await world.call("POST", anns + "/token", "", as_bob)).status, 201);
  EXPECT_EQ((co_await world.call("PATCH", anns, labels, as_bob)).status, 200);
  const auto reader = world.keys.create(db::kDefaultTeam, {.name = "r", .scopes = {"hosts:read"}});
  const Headers as_reader = with_key(std::string(reader->text.reveal()));
  EXPECT_EQ((co_await world.call("GET", "/v1/hosts", "", as_reader)).status, 200);
  EXPECT_EQ((co_await world.call("POST", anns + "/token", "", as_reader)).status, 403);
}

TEST(ApiHostRegistrationTest, EachSeesAndChangesTheirOwn) {
  World().run(check_rights);
}

Task<void> check_drain(World& world) {
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const std::string one = co_await world.new_sandbox();
  const std::string path = concat("/v1/hosts/", local_host_id());
  Got got = co_await world.call("POST", path + "/drain");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(field(got, "status"), "draining") << got.body;
  got = co_await world.call("POST", "/v1/capsules", "{}");
  EXPECT_EQ(got.status, 503) << "there is no other host: " << got.body;
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.agent.pauses, 1);
  got = co_await world.call("GET", one);
  EXPECT_EQ(field(got, "status"), "paused") << got.body;
  got = co_await world.call("POST", one + "/resume");
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(got.has("drained")) << got.body;
  EXPECT_EQ((co_await world.call("DELETE", path + "/drain")).status, 200);
  EXPECT_EQ((co_await world.call("POST", one + "/resume")).status, 200);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.agent.pauses, 1);
}

TEST(ApiHostRegistrationTest, ADrainedHostPausesWhatItHasAndTakesNothing) {
  World().run(check_drain);
}

Task<void> check_removal(World& world) {
  const Machine machine = co_await registered(world, "rack-1");
  const std::string path = concat("/v1/hosts/", machine.id);
  const std::string id = base::new_id(base::kSandboxPrefix);
  db::Sandbox row;
  row.id = id;
  row.team_id = std::string(db::kDefaultTeam);
  row.host_id = machine.id;
  row.template_name = "minimal";
  row.status = db::SandboxState::kRunning;
  EXPECT_TRUE(world.sandboxes.insert(row));
  Got got = co_await world.call("GET", path + "/delete-preview");
  EXPECT_TRUE(got.has(id)) << got.body;
  got = co_await world.call("DELETE", path);
  EXPECT_EQ(got.status, 409);
  EXPECT_TRUE(got.has("has_active_sandboxes") && got.has(id)) << got.body;
  EXPECT_EQ((co_await world.call("DELETE", path + "?force=true")).status, 204);
  EXPECT_EQ((co_await world.call("GET", path)).status, 404);
  EXPECT_EQ(world.sandboxes.get_any_team(id)->status, db::SandboxState::kStopped);
  const std::string local = concat("/v1/hosts/", local_host_id());
  got = co_await world.call("DELETE", local + "?force=true");
  EXPECT_EQ(got.status, 409) << "a flag names it: " << got.body;
}

TEST(ApiHostRegistrationTest, AHostIsRemovedWithoutItsSandboxesOnlyByForce) {
  World().run(check_removal);
}

}  // namespace
}  // namespace wrenn::control
