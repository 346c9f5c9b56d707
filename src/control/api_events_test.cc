// GET /v1/events: who hears what, also of other control planes, and how streams end.
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "base/id.h"
#include "base/strings.h"
#include "control/test_people.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

// A stream that somebody reads.
class Listening {
 public:
  explicit Listening(World& world)
      : client_(std::make_unique<net::HttpClient>(world.endpoint, net::HttpClientOptions{})) {}

  // The status of the answer.
  Task<int> open(Headers headers) {
    auto answer = co_await client_->send(
        {.method = "GET", .target = "/v1/events", .headers = std::move(headers), .body = {}});
    if (!answer) co_return 0;
    answer_.emplace(std::move(*answer));
    co_return answer_->status();
  }
  const Headers& headers() const { return answer_->headers(); }

  // The next event without its end; empty when the stream is over, or silent for `limit`.
  Task<std::string> next(base::Duration limit = std::chrono::seconds(20)) {
    constexpr std::string_view kEnd = "\n\n";
    while (text_.find(kEnd) == std::string::npos) {
      std::array<char, 4096> buffer;
      const auto n = co_await net::with_timeout(limit, answer_->read(buffer));
      if (!n || *n == 0) {
        is_over_ = n.has_value() || n.error().code != base::Code::kDeadlineExceeded;
        co_return "";
      }
      text_.append(buffer.data(), *n);
    }
    const auto end = text_.find(kEnd);
    std::string event = text_.substr(0, end);
    text_.erase(0, end + kEnd.size());
    co_return event;
  }
  // The first one that has all of these in it.
  Task<std::string> next_with(std::string_view one, std::string_view other = {}) {
    std::string event;
    do {
      event = co_await next();
    } while (!event.empty() && (!event.contains(one) || !event.contains(other)));
    co_return event;
  }
  bool is_over() const { return is_over_; }

 private:
  std::unique_ptr<net::HttpClient> client_;
  std::optional<net::ClientResponse> answer_;
  std::string text_;
  bool is_over_ = false;
};

Headers by_key(const World& world) {
  return Headers().with("X-API-Key", world.key);
}

// Up to the event `ready`.
Task<Listening> listen(World& world, Headers headers) {
  Listening stream(world);
  EXPECT_EQ(co_await stream.open(std::move(headers)), 200);
  EXPECT_EQ(co_await stream.next(), "retry: 1000");
  EXPECT_EQ(co_await stream.next(), "event: ready\ndata: {}");
  co_return stream;
}

Task<void> check_life(World& world) {
  Listening stream = co_await listen(world, by_key(world));
  EXPECT_EQ(stream.headers().find("content-type"), "text/event-stream");
  EXPECT_EQ(stream.headers().find("cache-control"), "no-store");
  const std::string path = co_await world.new_sandbox();
  const std::string id = path.substr(path.rfind('/') + 1);
  std::string event = co_await stream.next_with(id, R"("status":"running")");
  EXPECT_EQ(event, concat("event: sandbox\ndata: ", (co_await world.call("GET", path)).body));
  EXPECT_EQ((co_await world.call("PATCH", path, R"({"labels":{"a":"line\\nbreak"}})")).status, 200);
  event = co_await stream.next_with("line");
  EXPECT_EQ(base::split(event, '\n').size(), 2u) << "data is one line";
  EXPECT_EQ((co_await world.call("POST", path + "/pause", "{}")).status, 200);
  EXPECT_FALSE((co_await stream.next_with(id, R"("status":"paused")")).empty());
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  EXPECT_FALSE((co_await stream.next_with(id, R"("status":"stopped")")).empty());
  EXPECT_EQ(co_await stream.next(std::chrono::seconds(1)), "") << "each state once";
  EXPECT_FALSE(stream.is_over());
}

TEST(ApiEventsTest, TellTheLifeOfASandbox) {
  World().run(check_life);
}

db::Sandbox row_of(std::string_view team) {
  db::Sandbox row;
  row.id = base::new_id(base::kSandboxPrefix);
  row.team_id = team;
  row.template_name = "minimal";
  row.status = db::SandboxState::kStarting;
  return row;
}

// Another control plane, whose clock is not this one's.
struct Elsewhere {
  explicit Elsewhere(World& world) : database(world.test_database.reopen()) {}
  db::Database database;
  std::int64_t late_ms = 0;
  db::SandboxStore sandboxes{database, [this] { return base::unix_ms_now() - late_ms; }, "cp-else"};
};

Task<void> check_elsewhere(World& world) {
  const auto other = world.teams.create("Other", world.users
                                                     .create({.email = "o@example.com",
                                                              .name = "O",
                                                              .password_hash = base::Secret("none"),
                                                              .status = db::UserStatus::kActive})
                                                     .value()
                                                     .id);
  EXPECT_TRUE(other);
  Elsewhere elsewhere(world);
  Listening stream = co_await listen(world, by_key(world));
  EXPECT_TRUE(elsewhere.sandboxes.insert(row_of(other->id)));
  const std::vector<std::int64_t> clocks = {0, 9'000, -9'000};
  for (const std::int64_t late_ms : clocks) {
    elsewhere.late_ms = late_ms;
    const db::Sandbox row = row_of(db::kDefaultTeam);
    EXPECT_TRUE(elsewhere.sandboxes.insert(row));
    // The first that comes: nothing of the other team.
    EXPECT_TRUE((co_await stream.next()).contains(concat(row.id, R"(","status":"starting")")));
    EXPECT_TRUE(elsewhere.sandboxes.transition(row.id, {db::SandboxState::kStarting},
                                               db::SandboxState::kRunning));
    EXPECT_TRUE((co_await stream.next()).contains(concat(row.id, R"(","status":"running")")));
    // Being used is no change.
    EXPECT_TRUE(elsewhere.sandboxes.touch_active(row.id));
  }
  EXPECT_EQ(co_await stream.next(std::chrono::seconds(1)), "");
}

TEST(ApiEventsTest, TellWhatOtherControlPlanesDoWhateverTheirClocks) {
  World().run(check_elsewhere);
}

Task<void> check_templates(World& world) {
  const auto key_with = [&world](std::vector<std::string> scopes) {
    const auto key =
        world.keys.create(db::kDefaultTeam, {.name = "k", .scopes = std::move(scopes)}).value();
    return Headers().with("X-API-Key", key.text.reveal());
  };
  Listening limited_stream = co_await listen(world, key_with({"sandboxes:read"}));
  Listening stream = co_await listen(world, key_with({"sandboxes:read", "templates:read"}));
  Listening refused(world);
  EXPECT_EQ(co_await refused.open(key_with({"templates:read"})), 403);

  const db::Build build = world.builds
                              .create({.id = {},
                                       .team_id = std::string(db::kDefaultTeam),
                                       .name = "app",
                                       .tag = "latest",
                                       .definition = "{}",
                                       .created_by = {}})
                              .value();
  std::string event = co_await stream.next();
  EXPECT_EQ(event, concat("event: build\ndata: ",
                          (co_await world.call("GET", concat("/v1/builds/", build.id))).body));
  const auto claimed = world.builds.claim(60'000).value();
  EXPECT_TRUE((co_await stream.next()).contains(R"("status":"building")"));
  EXPECT_TRUE(world.builds.renew(*claimed, {.step = 2, .steps = 3, .cached_steps = 1}, 60'000));
  EXPECT_TRUE((co_await stream.next()).contains(R"("step":2,"steps":3)"));
  EXPECT_TRUE(world.builds.finish(
      *claimed, {.status = db::BuildStatus::kReady, .template_id = "tpl-x", .error = {}}));
  EXPECT_TRUE((co_await stream.next()).contains(R"("status":"ready")"));
  EXPECT_EQ(co_await stream.next(), "event: snapshot\ndata: {\"name\":\"app\"}");

  const std::string path = co_await world.new_sandbox();
  const std::string id = path.substr(path.rfind('/') + 1);
  const Got made = co_await world.call("POST", "/v1/snapshots",
                                       concat(R"({"sandbox_id":")", id, R"(","name":"mine"})"));
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(co_await world.audit.flush());
  EXPECT_EQ(co_await stream.next_with("event: snapshot"),
            "event: snapshot\ndata: {\"name\":\"mine\"}");
  EXPECT_EQ((co_await world.call("DELETE", "/v1/snapshots/mine@1")).status, 204);
  EXPECT_TRUE(co_await world.audit.flush());
  EXPECT_EQ(co_await stream.next_with("event: snapshot"),
            "event: snapshot\ndata: {\"name\":\"mine\"}");
  // Of all that, this one hears what is a sandbox.
  while (!(event = co_await limited_stream.next(std::chrono::seconds(1))).empty()) {
    EXPECT_TRUE(event.starts_with("event: sandbox\n")) << event;
  }
}

TEST(ApiEventsTest, TellOfBuildsAndTemplatesWhoeverMayReadThem) {
  World().run(check_templates);
}

struct Person {
  std::string id;
  std::string session;
  Headers token;
};

Task<void> check_ends(World& world) {
  const auto add = [&world](const std::string& name) { return add_user(world, name); };
  const std::string owner = add("owner");
  const auto team = world.teams.create("Team", owner).value();
  const auto person = [&world, &team](const std::string& id) {
    const auto session = world.sessions.start(id, team.id, {}).value();
    const auto login = world.accounts.renew(session.id, id, team.id);
    return Person{id, session.id,
                  Headers().with("Authorization", concat("Bearer ", login->access_token.reveal()))};
  };
  const std::string member = add("member");
  EXPECT_TRUE(world.teams.add_member(team.id, member, db::Role::kMember));
  const Person stays = person(owner);
  const Person leaves = person(owner);
  const Person is_removed = person(member);
  const auto key = world.keys.create(team.id, {.name = "k"}).value();

  Listening staying = co_await listen(world, stays.token);
  Listening leaving = co_await listen(world, leaves.token);
  Listening removed = co_await listen(world, is_removed.token);
  Listening revoked = co_await listen(world, Headers().with("X-API-Key", key.text.reveal()));
  EXPECT_TRUE(world.sessions.end(owner, leaves.session).value());
  EXPECT_TRUE(world.teams.remove_member(team.id, member));
  EXPECT_TRUE(world.keys.revoke(team.id, key.key.id));
  for (Listening* const stream : {&leaving, &removed, &revoked}) {
    EXPECT_EQ(co_await stream->next(), "");
    EXPECT_TRUE(stream->is_over());
  }
  EXPECT_EQ(co_await staying.next(std::chrono::milliseconds(500)), "");
  EXPECT_FALSE(staying.is_over());
  // All of them, so that clients go to another control plane.
  world.api.begin_shutdown();
  EXPECT_EQ(co_await staying.next(), "");
  EXPECT_TRUE(staying.is_over());
}

TEST(ApiEventsTest, EndWithWhatTheyWereOpenedBy) {
  World().run(check_ends);
}

Task<void> check_places(World& world) {
  std::deque<Listening> streams;
  for (std::size_t i = 0; i < EventFeed::kMaxStreamsPerTeam; ++i) {
    streams.emplace_back(world);
    EXPECT_EQ(co_await streams.back().open(by_key(world)), 200);
  }
  const Got more = co_await world.call("GET", "/v1/events");
  EXPECT_EQ(more.status, 429);
  EXPECT_TRUE(more.has("too_many")) << more.body;
  EXPECT_TRUE(more.headers.find("retry-after"));
  streams.clear();
  const std::string team(db::kDefaultTeam);
  EXPECT_TRUE(co_await eventually([&] { return world.events.streams().take(team).has_value(); }));
  EXPECT_EQ((co_await world.call("HEAD", "/v1/events")).status, 200);
}

TEST(ApiEventsTest, ATeamHasSoManyStreams) {
  World().run(check_places);
}

Task<void> check_rest(World& world) {
  (void)co_await world.new_sandbox();
  (void)co_await net::sleep_for(std::chrono::milliseconds(700));
  EXPECT_EQ(world.events.looks(), 0u) << "nobody listens";
  {
    Listening stream = co_await listen(world, by_key(world));
    EXPECT_TRUE(co_await eventually([&] { return world.events.looks() > 2; }));
  }
  const std::string team(db::kDefaultTeam);
  (void)co_await net::sleep_for(std::chrono::milliseconds(700));
  const std::uint64_t looks = world.events.looks();
  (void)co_await net::sleep_for(std::chrono::milliseconds(700));
  EXPECT_EQ(world.events.looks(), looks) << "nobody listens any more";
}

TEST(ApiEventsTest, CostNothingWhenNobodyListens) {
  World().run(check_rest);
}

Task<void> check_slow(World& world) {
  EventFeed::Listener slow(world.events, std::string(db::kDefaultTeam),
                           EventFeed::Hears::kSandboxes);
  EventFeed::Listener quick(world.events, std::string(db::kDefaultTeam),
                            EventFeed::Hears::kSandboxes);
  std::vector<db::Sandbox> rows;
  for (std::size_t i = 0; i <= EventFeed::Listener::kMaxEvents; ++i) {
    rows.push_back(row_of(db::kDefaultTeam));
  }
  const auto half = rows.begin() + 300;
  EXPECT_TRUE(world.sandboxes.insert_all({rows.begin(), half}));
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(co_await quick.next());
  EXPECT_TRUE(world.sandboxes.insert_all({half, rows.end()}));
  for (auto row = half; row != rows.end(); ++row) EXPECT_TRUE(co_await quick.next());
  EXPECT_TRUE(slow.is_overrun());
  const auto next = co_await slow.next();
  EXPECT_EQ(next ? base::Code::kInternal : next.error().code, base::Code::kResourceExhausted);
  EXPECT_FALSE(quick.is_overrun());
}

TEST(ApiEventsTest, AreBoundedForASlowReader) {
  World().run(check_slow);
}

}  // namespace
}  // namespace wrenn::control
