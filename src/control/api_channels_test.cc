// Channels over HTTP: who may change them, and what they are told.
#include <atomic>
#include <future>
#include <mutex>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_people.h"
#include "control/test_world.h"
#include "net/loop_thread.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::Result;
using net::Headers;
using net::Task;

// Takes what it is told, on a thread of its own, and answers as it should.
class Receiver final : public net::HttpHandler {
 public:
  Receiver() {
    thread_.start("receiver", [this] { return serve(); });
    url_ = concat("http://127.0.0.1:", listens_.get_future().get(), "/hook");
  }
  const std::string& url() const { return url_; }
  struct Told {
    std::string body;
    std::string delivery;
    bool is_signed = false;
  };
  std::vector<Told> told() const {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  void expect_secret(std::string secret) {
    const std::lock_guard lock(mutex_);
    secret_ = std::move(secret);
  }
  std::atomic<int> status = 200;

 private:
  Task<void> serve() {
    auto listener = net::Listener::listen(thread_.loop(), *net::Endpoint::tcp("127.0.0.1", 0));
    listens_.set_value(listener->port());
    net::HttpServer server(*this, {});
    co_await server.serve(std::move(*listener));
  }
  Task<Result<void>> handle(net::Request& request, net::ResponseWriter& response) override {
    WRENN_CO_TRY_ASSIGN(const std::string body, co_await net::read_all(request.body(), 1 << 20));
    const auto field = [&request](std::string_view name) {
      return std::string(request.headers().find(name).value_or(""));
    };
    {
      const std::lock_guard lock(mutex_);
      const std::string expected = webhook_signature(secret_, field("x-wrenn-timestamp"), body);
      told_.push_back({body, field("x-wrenn-delivery"), field("x-wrenn-signature") == expected});
    }
    co_return co_await response.send(status, {}, "");
  }

  std::promise<std::uint16_t> listens_;
  std::string url_;
  mutable std::mutex mutex_;
  std::vector<Told> told_;
  std::string secret_;
  net::LoopThread thread_;  // Last: it uses the others.
};

Headers in_team(World& world, const std::string& user_id, const std::string& team_id) {
  const auto session = world.sessions.start(user_id, team_id, {}).value();
  const auto login = world.accounts.renew(session.id, user_id, team_id);
  return Headers()
      .with("Authorization", concat("Bearer ", login->access_token.reveal()))
      .with("X-API-Key", "");
}
struct People {
  Headers owner;
  Headers member;
  Headers stranger;
};
People make_people(World& world) {
  const auto user = [&world](const std::string& name) { return add_user(world, name); };
  const std::string root = user("root");
  const std::string platform = world.teams.create("root's Team", root).value().id;
  const std::string ann = user("ann");
  const std::string team = world.teams.create("ann's Team", ann).value().id;
  const std::string bob = user("bob");
  EXPECT_TRUE(world.teams.add_member(team, bob, db::Role::kMember));
  return {in_team(world, ann, team), in_team(world, bob, team), in_team(world, root, platform)};
}

std::string field(const Got& got, std::string_view name) {
  const std::string start = concat("\"", name, "\":\"");
  const auto at = got.body.find(start);
  if (at == std::string::npos) return {};
  const auto begin = at + start.size();
  return got.body.substr(begin, got.body.find('"', begin) - begin);
}

std::string webhook_json(const Receiver& receiver) {
  return concat(R"({"name":"My Hook","provider":"webhook","config":{"url":")", receiver.url(),
                R"("},"events":["capsule.destroyed","capsule.created"]})");
}

Task<void> check_roles(World& world) {
  const Receiver receiver;
  const People people = make_people(world);
  const std::string body = webhook_json(receiver);
  Got got = co_await world.call("POST", "/v1/channels", body, people.member);
  EXPECT_EQ(got.status, 403) << got.body;
  got = co_await world.call("POST", "/v1/channels", body);
  EXPECT_EQ(got.status, 403) << "no key is good for it: " << got.body;
  got = co_await world.call("POST", "/v1/channels", body, people.owner);
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_EQ(field(got, "name"), "my-hook");
  EXPECT_EQ(field(got, "secret").size(), 64u);
  const std::string path = concat("/v1/channels/", field(got, "id"));
  const std::string tag(got.headers.find("etag").value_or(""));
  got = co_await world.call("POST", "/v1/channels", body, people.owner);
  EXPECT_EQ(got.status, 409) << got.body;

  got = co_await world.call("GET", path, {}, people.member);
  EXPECT_EQ(got.status, 200);
  EXPECT_FALSE(got.has("secret") || got.has("config") || got.has("127.0.0.1")) << got.body;
  EXPECT_TRUE((co_await world.call("GET", "/v1/channels", {}, people.member)).has("my-hook"));
  EXPECT_EQ((co_await world.call("GET", "/v1/channels", {}, people.stranger)).body, "[]");
  EXPECT_EQ((co_await world.call("GET", path, {}, people.stranger)).status, 404);
  EXPECT_EQ((co_await world.call("PATCH", path, R"({"name":"x"})", people.stranger)).status, 404);
  const std::string again = concat(path, "/deliveries/x/redeliver");
  for (const auto& [method, target] : {std::pair<std::string, std::string>{"PATCH", path},
                                       {"DELETE", path},
                                       {"PUT", concat(path, "/config")},
                                       {"POST", concat(path, "/test")},
                                       {"POST", again},
                                       {"POST", "/v1/channels/test"}}) {
    got = co_await world.call(method, target, "{}", people.member);
    EXPECT_EQ(got.status, 403) << method << ' ' << target << ' ' << got.body;
  }

  Headers seen = people.owner;
  seen.set("If-Match", tag);
  got = co_await world.call("PATCH", path, R"({"name":"other","enabled":false})", seen);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("enabled":false,"disabled_reason":)")) << got.body;
  got = co_await world.call("PATCH", path, R"({"name":"third"})", seen);
  EXPECT_EQ(got.status, 412) << got.body;
  got =
      co_await world.call("PUT", concat(path, "/config"),
                          concat(R"({"config":{"url":")", receiver.url(), R"("}})"), people.owner);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(field(got, "secret").size(), 64u) << "a new one is shown, too";
  EXPECT_EQ((co_await world.call("DELETE", path, {}, people.owner)).status, 204);
  EXPECT_EQ((co_await world.call("GET", path, {}, people.owner)).status, 404);
}
TEST(ApiChannelsTest, OwnersChangeThemAndMembersLook) {
  World().run(check_roles);
}

Task<void> check_mistakes(World& world) {
  const People people = make_people(world);
  for (const auto& [body, said] : {
           std::pair<std::string, std::string_view>{R"({"provider":"slack"})", "name"},
           {R"({"name":"-a","provider":"slack","config":{},"events":["host.up"]})", "'name'"},
           {R"({"name":"a","provider":"x","config":{},"events":["host.up"]})", "telegram"},
           {R"({"name":"a","provider":"slack","config":{},"events":["host.up"]})", "webhook_url"},
           {R"({"name":"a","provider":"slack","config":{},"events":["nonsense"]})", "host.down"},
           {R"({"name":"a","provider":"slack","config":{},"events":[]})", "host.down"},
           {R"({"name":"a","provider":"slack","config":{"webhook_url":"file:///etc/passwd"},)"
            R"("events":["host.up"]})",
            "https://"},
       }) {
    const Got got = co_await world.call("POST", "/v1/channels", body, people.owner);
    EXPECT_EQ(got.status, 400) << body << got.body;
    EXPECT_TRUE(got.has(said)) << body << got.body;
  }
  EXPECT_EQ((co_await world.call("GET", "/v1/channels/nonsense", {}, people.owner)).status, 400);
}
TEST(ApiChannelsTest, MistakesAreNamed) {
  World().run(check_mistakes);
}

Task<void> check_trying(World& world) {
  Receiver receiver;
  const People people = make_people(world);
  const std::string body =
      concat(R"({"provider":"webhook","config":{"url":")", receiver.url(), R"(","secret":"own"}})");
  receiver.expect_secret("own");
  Got got = co_await world.call("POST", "/v1/channels/test", body, people.owner);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(receiver.told().at(0).is_signed);
  EXPECT_TRUE(receiver.told().at(0).body.contains(R"("event":"channel.test")"));
  receiver.status = 500;
  got = co_await world.call("POST", "/v1/channels/test", body, people.owner);
  EXPECT_EQ(got.status, 422) << got.body;
  EXPECT_TRUE(got.has("channel_failed") && got.has("answered 500")) << got.body;
}
TEST(ApiChannelsTest, AreTriedAtOnce) {
  World().run(check_trying);
}

Task<void> check_deliveries(World& world) {
  Receiver receiver;
  const People people = make_people(world);
  receiver.status = 503;
  Got got = co_await world.call("POST", "/v1/channels", webhook_json(receiver), people.owner);
  receiver.expect_secret(field(got, "secret"));
  const std::string path = concat("/v1/channels/", field(got, "id"), "/deliveries");
  net::TaskScope scope(world.loop);
  scope.spawn(world.audit.run());
  scope.spawn(world.dispatcher.run());
  got = co_await world.call("POST", "/v1/capsules", "{}", people.member);
  EXPECT_EQ(got.status, 201) << got.body;
  const std::string id = World::id_in(got.body);
  EXPECT_TRUE(co_await eventually([&] { return !receiver.told().empty(); }));
  EXPECT_TRUE(receiver.told().front().is_signed);
  EXPECT_TRUE(receiver.told().front().body.contains(concat("\"id\":\"", id, "\"")));
  const auto noted = [&](std::string_view part) -> Task<bool> {
    for (int i = 0; i < 3000; ++i) {
      if ((co_await world.call("GET", path, {}, people.member)).has(part)) co_return true;
      (void)co_await net::sleep_for(std::chrono::milliseconds(10));
    }
    co_return false;
  };
  EXPECT_TRUE(co_await noted(R"("response_status":503)"));
  // Tried again later: now when a member of the team asks for it.
  receiver.status = 200;
  got = co_await world.call("GET", path, {}, people.member);
  EXPECT_TRUE(got.has(R"("status":"pending")") && got.has("next_at")) << got.body;
  EXPECT_EQ((co_await world.call("DELETE", concat("/v1/capsules/", id), {}, people.owner)).status,
            204);
  EXPECT_TRUE(co_await noted(R"("status":"delivered")"));
  EXPECT_TRUE(receiver.told().back().body.contains("capsule.destroyed"));
  scope.request_stop();
  co_await scope.join();
}
TEST(ApiChannelsTest, AreToldOfWhatHappens) {
  World().run(check_deliveries);
}

}  // namespace
}  // namespace wrenn::control
