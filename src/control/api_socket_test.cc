// The API's WebSockets: keys, terminals, commands, and clients that break the rules.
#include <algorithm>

#include <gtest/gtest.h>

#include "control/test_world.h"
#include "net/websocket_client.h"

namespace wrenn::control {
namespace {

using net::Opcode;
using net::Task;
using std::chrono::milliseconds;

enum class Key { kInHeader, kNone, kWrong };

Task<net::WebSocketAnswer> open(World& world, std::string path, Key key = Key::kInHeader,
                                net::Headers headers = {}) {
  if (key == Key::kInHeader) headers.set("X-API-Key", world.key);
  if (key == Key::kWrong) headers.set("X-API-Key", "wrn_00000000000000000000000000000000");
  auto answer = co_await net::connect_websocket(
      world.endpoint, {.target = std::move(path), .headers = std::move(headers)});
  EXPECT_TRUE(answer) << answer.error().message;
  co_return answer ? std::move(*answer) : net::WebSocketAnswer();
}

Task<void> say(net::WebSocketAnswer& answer, std::string_view text) {
  EXPECT_TRUE(co_await (*answer.socket)->send(Opcode::kText, text));
}

// The next message; of a close "close CODE"; "nothing" when the connection ended.
Task<std::string> hear(net::WebSocketAnswer& answer) {
  auto message = co_await net::with_timeout(std::chrono::seconds(20), (*answer.socket)->receive());
  if (!message) co_return "nothing";
  if (message->kind == Opcode::kClose) co_return base::concat("close ", message->close_code);
  co_return message->data;
}

// The output of a terminal until it has `size` bytes.
Task<std::string> hear_output(net::WebSocketAnswer& answer, std::size_t size) {
  std::string all;
  while (all.size() < size) {
    const std::string message = co_await hear(answer);
    constexpr std::string_view kBefore = R"({"type":"output","data":")";
    EXPECT_TRUE(message.starts_with(kBefore)) << message;
    if (!message.starts_with(kBefore)) break;
    const std::string rest = message.substr(kBefore.size());
    all += base::from_base64(rest.substr(0, rest.find('"'))).value_or("?");
  }
  co_return all;
}

Task<void> check_pty(World& world) {
  const std::string path = co_await world.new_sandbox() + "/pty";
  auto socket = co_await open(world, path);
  EXPECT_EQ(socket.status, 101);
  co_await say(socket, R"({"type":"start","cmd":"echo","user":"root","cols":100,"rows":30})");
  EXPECT_EQ(co_await hear(socket), R"({"type":"started","tag":"pty-1","pid":8,"offset":0})");
  const auto& sent = world.agent.last_pty;
  EXPECT_TRUE(sent.user() == "root" && sent.cols() == 100 && sent.rows() == 30);
  EXPECT_EQ(sent.envs().at("TERM"), "xterm-256color");
  // In order, whatever it is, and merged or not.
  co_await say(socket, R"({"type":"input","data":"YQ=="})");
  co_await say(socket, R"({"type":"input","data":"Yg=="})");
  co_await say(socket, R"({"type":"pong"})");
  co_await say(socket, R"({"type":"resize","cols":90,"rows":20})");
  co_await say(socket, R"({"type":"input","data":"Yw=="})");
  EXPECT_EQ(co_await hear_output(socket, 10), "ab|90x20|c");
  co_await say(socket, R"({"type":"resize","cols":0,"rows":20})");
  EXPECT_TRUE((co_await hear(socket)).contains("cols and rows"));  // And it goes on.
  co_await say(socket, R"({"type":"kill"})");
  EXPECT_EQ(co_await hear_output(socket, 6), "|kill|");
  EXPECT_EQ(co_await hear(socket), R"({"type":"exit","exit_code":5})");
  EXPECT_EQ(co_await hear(socket), "close 1000");
}

TEST(ApiSocketTest, ATerminalFromStartToExit) {
  World().run(check_pty);
}

Task<void> check_much_input(World& world) {
  auto socket = co_await open(world, co_await world.new_sandbox() + "/pty");
  co_await say(socket, R"({"type":"start","cmd":"echo"})");
  EXPECT_TRUE((co_await hear(socket)).contains("started"));
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece = base::concat(i, ' ');
    expected += piece;
    co_await say(socket,
                 base::concat(R"({"type":"input","data":")", base::to_base64(piece), "\"}"));
  }
  EXPECT_EQ(co_await hear_output(socket, expected.size()), expected);
  EXPECT_EQ(world.agent.input_calls, 1);  // One call for all of it.
}

TEST(ApiSocketTest, TwoThousandKeysArriveInOrder) {
  World().run(check_much_input);
}

// Through the API and a call to the agent, and back, all on this thread.
Task<void> check_echo_time(World& world) {
  auto socket = co_await open(world, co_await world.new_sandbox() + "/pty");
  co_await say(socket, R"({"type":"start","cmd":"echo"})");
  EXPECT_TRUE((co_await hear(socket)).contains("started"));
  std::vector<std::int64_t> times;
  for (int i = 0; i < 1000; ++i) {
    const auto began = base::steady_now();
    co_await say(socket, R"({"type":"input","data":"eA=="})");
    EXPECT_EQ(co_await hear_output(socket, 1), "x");
    times.push_back((base::steady_now() - began) / std::chrono::microseconds(1));
  }
  std::ranges::sort(times);
  testing::Test::RecordProperty("p50_us", static_cast<int>(times[500]));
  testing::Test::RecordProperty("p99_us", static_cast<int>(times[990]));
  EXPECT_LT(times[500], 20'000) << "a key waits for something";
}

TEST(ApiSocketTest, AKeyWaitsForNothing) {
  World().run(check_echo_time);
}

Task<void> check_last_words(World& world) {
  {
    auto socket = co_await open(world, co_await world.new_sandbox() + "/pty");
    co_await say(socket, R"({"type":"start","cmd":"echo"})");
    EXPECT_TRUE((co_await hear(socket)).contains("started"));
    co_await say(socket, R"({"type":"input","data":"bGFzdA=="})");
    co_await (*socket.socket)->close(net::CloseCode::kNormal, "");
  }
  EXPECT_TRUE(co_await eventually([&world] { return world.agent.typed.contains("last"); }));
  EXPECT_EQ(world.agent.typed, "last");
}

TEST(ApiSocketTest, WhatWasSentBeforeAGoodbyeIsDelivered) {
  World().run(check_last_words);
}

Task<void> check_reattach(World& world) {
  const std::string path = co_await world.new_sandbox();
  auto socket = co_await open(world, path + "/pty");
  co_await say(socket, R"({"type":"connect","tag":"old","offset":77})");
  EXPECT_EQ(co_await hear(socket), R"({"type":"started","tag":"old","pid":8,"offset":77})");
  EXPECT_TRUE(world.agent.last_pty.cmd().empty() && world.agent.last_pty.offset() == 77);
  EXPECT_EQ(co_await hear(socket), R"({"type":"exit","exit_code":5})");

  socket = co_await open(world, path + "/pty");
  co_await say(socket, R"({"type":"connect","tag":"unknown"})");
  EXPECT_EQ(co_await hear(socket),
            R"({"type":"error","code":"not_found","data":"no such tag","fatal":true})");
  EXPECT_EQ(co_await hear(socket), "close 1008");
}

// The agent goes in the middle of a terminal's output and comes back.
Task<void> check_absence(World& world) {
  const std::string path = co_await world.new_sandbox();
  auto socket = co_await open(world, path + "/pty");
  world.agent.absences = 3;
  co_await say(socket, R"({"type":"start","cmd":"lost"})");
  EXPECT_TRUE((co_await hear(socket)).contains("started"));
  EXPECT_TRUE((co_await hear(socket)).contains(R"("offset":0)"));
  EXPECT_EQ(co_await hear(socket), R"({"type":"exit","exit_code":5})");
  EXPECT_EQ(world.agent.last_pty.tag(), "pty-1");
  EXPECT_EQ(world.agent.last_pty.offset(), 4u) << "behind what it had written";

  world.agent.bytes_dropped = 1;
  socket = co_await open(world, path + "/pty");
  co_await say(socket, R"({"type":"start","cmd":"lost"})");
  EXPECT_TRUE((co_await hear(socket)).contains("started"));
  EXPECT_TRUE((co_await hear(socket)).contains("output"));
  EXPECT_TRUE((co_await hear(socket)).contains("more was written meanwhile than is kept"));
  EXPECT_EQ(co_await hear(socket), "close 1011");
}

TEST(ApiSocketTest, TerminalsOutliveTheAgent) {
  World().run(check_absence);
}

TEST(ApiSocketTest, TerminalsAreAttachedToAnew) {
  World().run(check_reattach);
}

Task<void> check_exec(World& world) {
  const std::string path = co_await world.new_sandbox();
  auto socket = co_await open(world, path + "/exec/stream");
  co_await say(socket, R"({"type":"start","cmd":"run","args":["a"],"envs":{"K":"V"},
                           "cwd":"/tmp","user":"root","tag":"job"})");
  EXPECT_EQ(co_await hear(socket), R"({"type":"start","pid":7,"tag":"job","offset":0})");
  EXPECT_EQ(co_await hear(socket), R"({"type":"stdout","data":"hello\n","offset":0})");
  EXPECT_EQ(co_await hear(socket), R"({"type":"stderr","data":"oops\n","offset":0})");
  EXPECT_EQ(co_await hear(socket), R"({"type":"exit","exit_code":3})");
  EXPECT_EQ(co_await hear(socket), "close 1000");
  const auto& sent = world.agent.last_exec;
  EXPECT_TRUE(sent.detached() && sent.stdin() && sent.timeout_sec() == 0);
  EXPECT_TRUE(sent.cwd() == "/tmp" && sent.user() == "root" && sent.envs().at("K") == "V");

  socket = co_await open(world, path + "/exec/stream");
  co_await say(socket, R"({"type":"start","cmd":"sleep","kill_on_close":true})");
  EXPECT_TRUE((co_await hear(socket)).contains("\"start\""));
  EXPECT_FALSE(world.agent.last_exec.detached());
  co_await say(socket, R"({"type":"stdin","data":"aGk="})");
  co_await say(socket, R"({"type":"stdin_close"})");
  EXPECT_TRUE(co_await eventually([&world] { return world.agent.typed.contains("close"); }));
  EXPECT_EQ(world.agent.typed, "hi|close|");
  co_await say(socket, R"({"type":"kill"})");
  co_await say(socket, R"({"type":"stop"})");
  EXPECT_EQ(co_await hear(socket), "close 1000");
  EXPECT_EQ(world.agent.last_kill.pid(), 7u);

  socket = co_await open(world, path + "/processes/job/stream?offset=5");
  EXPECT_EQ(co_await hear(socket), R"({"type":"start","pid":42,"tag":"job","offset":5})");
  EXPECT_EQ(world.agent.last_connect.tag(), "job");
  EXPECT_EQ(co_await hear(socket), R"({"type":"exit","exit_code":0})");
}

TEST(ApiSocketTest, CommandsWithInput) {
  World().run(check_exec);
}

Task<void> check_keys(World& world) {
  const std::string path = co_await world.new_sandbox() + "/pty";
  auto refused = co_await open(world, path, Key::kWrong);
  EXPECT_TRUE(refused.status == 401 && refused.body.contains("unauthorized")) << refused.body;
  refused =
      co_await open(world, path, Key::kNone, net::Headers().with("Authorization", "Basic eA=="));
  EXPECT_EQ(refused.status, 401);
  auto bearer = co_await open(world, path, Key::kNone,
                              net::Headers().with("Authorization", "Bearer " + world.key));
  EXPECT_EQ(bearer.status, 101);

  auto socket = co_await open(world, path, Key::kNone,
                              net::Headers().with("Origin", "http://elsewhere.example"));
  EXPECT_EQ(socket.status, 101);
  co_await say(socket, base::concat(R"({"type":"auth","token":")", world.key, "\"}"));
  co_await say(socket, R"({"type":"start","cmd":"x"})");
  EXPECT_TRUE((co_await hear(socket)).contains("started"));

  for (const std::string first :
       {R"({"type":"auth","token":"wrn_00000000000000000000000000000000"})", R"({"type":"start"})",
        "{}", "x"}) {
    socket = co_await open(world, path, Key::kNone);
    co_await say(socket, first);
    EXPECT_TRUE((co_await hear(socket)).contains(R"("code":"unauthorized")")) << first;
    EXPECT_EQ(co_await hear(socket), "close 1008");
  }
}

TEST(ApiSocketTest, KeysComeInAHeaderOrInTheFirstMessage) {
  World().run(check_keys);
}

Task<void> check_no_key(World& world) {
  auto socket = co_await open(world, co_await world.new_sandbox() + "/pty", Key::kNone);
  const auto began = base::steady_now();
  EXPECT_TRUE((co_await hear(socket)).contains("no key came within 5 s"));
  const auto took = base::steady_now() - began;
  EXPECT_TRUE(took > std::chrono::seconds(4) && took < std::chrono::seconds(9));
  EXPECT_EQ(co_await hear(socket), "close 1008");
}

TEST(ApiSocketTest, AKeyMustComeWithinFiveSeconds) {
  World().run(check_no_key);
}

Task<void> check_bad_input(World& world) {
  const std::string path = co_await world.new_sandbox() + "/pty";
  const Got plain = co_await world.call("GET", path);
  EXPECT_TRUE(plain.status == 400 && plain.has("Upgrade: websocket")) << plain.body;
  auto refused = co_await open(world, "/v1/capsules/nonsense/pty");
  EXPECT_EQ(refused.status, 400);
  refused = co_await open(world, "/v1/capsules/cl-0000000000000000000000000/pty");
  EXPECT_EQ(refused.status, 404);

  auto socket = co_await open(world, path);
  co_await say(socket, R"({"type":"start","cols":-1})");
  EXPECT_TRUE((co_await hear(socket)).contains("cols must be a whole number"));
  EXPECT_EQ(co_await hear(socket), "close 1008");

  socket = co_await open(world, path);
  EXPECT_TRUE(co_await (*socket.socket)->send(Opcode::kBinary, "x"));
  EXPECT_TRUE((co_await hear(socket)).contains("send JSON as text"));
  EXPECT_EQ(co_await hear(socket), "close 1008");

  socket = co_await open(world, path);
  (void)co_await (*socket.socket)->send(Opcode::kText, std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(co_await hear(socket), "close 1009");

  socket = co_await open(world, path);
  (void)co_await (*socket.socket)->send(Opcode::kText, "\xff");
  EXPECT_EQ(co_await hear(socket), "close 1007");
}

TEST(ApiSocketTest, BadInputIsTold) {
  World().run(check_bad_input);
}

Task<void> check_shutdown(World& world) {
  auto socket = co_await open(world, co_await world.new_sandbox() + "/pty");
  co_await say(socket, R"({"type":"start","cmd":"echo"})");
  EXPECT_TRUE((co_await hear(socket)).contains("started"));
  world.api.begin_shutdown();
  EXPECT_EQ(co_await hear(socket), "close 1001");
}

TEST(ApiSocketTest, AControlPlaneThatStopsSaysSo) {
  World().run(check_shutdown);
}

Task<void> check_limit(World& world) {
  const std::string path = co_await world.new_sandbox() + "/pty";
  std::vector<net::WebSocketAnswer> sockets;
  for (std::size_t i = 0; i < OpenSockets::kMaxPerTeam; ++i) {
    sockets.push_back(co_await open(world, path));
    EXPECT_EQ(sockets.back().status, 101);
  }
  const auto refused = co_await open(world, path);
  EXPECT_TRUE(refused.status == 429 && refused.body.contains("too_many")) << refused.body;
  co_await (*sockets.back().socket)->close(net::CloseCode::kNormal, "");
  const std::string team = world.keys.verify(world.key)->team_id;
  EXPECT_TRUE(
      co_await eventually([&world, &team] { return world.open_sockets.take(team).has_value(); }));
  EXPECT_EQ((co_await open(world, path)).status, 101);
}

TEST(ApiSocketTest, ATeamHasSoManySocketsAndNoMore) {
  World().run(check_limit);
}

}  // namespace
}  // namespace wrenn::control
