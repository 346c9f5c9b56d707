// The whole way: a client, the control plane's half, the host's half, the application; byte for
// byte.
#include "proxy/edge_proxy.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "proxy/guest_proxy.h"
#include "proxy/test_servers.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::Result;
using net::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kId = "cl-0123456789abcdefghijklmno";
constexpr std::string_view kOther = "cl-1123456789abcdefghijklmno";
constexpr std::string_view kKey = "wrn_0123456789abcdef0123456789abcdef";

class Directory final : public EdgeDirectory {
 public:
  Task<Result<std::shared_ptr<const SandboxPlace>>> find(std::string id) override {
    if (id != kId) co_return std::shared_ptr<const SandboxPlace>();
    co_return std::make_shared<const SandboxPlace>(place);
  }
  Task<Result<std::shared_ptr<const SandboxPlace>>> wake(std::string id,
                                                         WakeReason reason) override {
    ++wakes;
    last_reason = reason;
    if (wake_fails) co_return base::fail(base::Code::kUnavailable, "no memory left");
    place.is_running = true;
    if (on_wake) on_wake();
    co_return co_await find(std::move(id));
  }
  Task<Result<std::string>> team_of_key(std::string key) override {
    co_return key == kKey ? std::string("team-a") : std::string();
  }
  SandboxPlace place{.team_id = "team-a",
                     .is_running = true,
                     .can_wake = false,
                     .public_ports = {},
                     .host = nullptr};
  int wakes = 0;
  WakeReason last_reason = WakeReason::kAsleep;
  bool wake_fails = false;
  std::function<void()> on_wake;
};

void replace_all(std::string& text, std::string_view mark, std::string_view by) {
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
}

constexpr std::string_view kWithToken =
    "GET / HTTP/1.1\r\nHost: HOST\r\nX-Wrenn-Traffic-Token: TOKEN\r\n\r\n";

class EdgeProxyTest : public testing::Test {
 protected:
  EdgeProxyTest() { add_guest(); }

  void add_guest() {
    guests.add(
        {.id = std::string(kId),
         .endpoint = [](std::uint16_t port) { return *net::Endpoint::tcp("127.0.0.1", port); },
         .netns = {},
         .envd_token = base::Secret("token"),
         .activity = std::make_shared<Activity>(),
         .ports = nullptr});
  }

  // Runs `test` with both halves and the application.
  template <class F>
  void run(F test) {
    auto inner = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
    auto outer = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(inner && outer);
    endpoint = *net::Endpoint::tcp("127.0.0.1", outer->port());
    net::ConnectionPool host(*net::Endpoint::tcp("127.0.0.1", inner->port()), {});
    directory.place.host = &host;
    GuestProxy guest_proxy(guests);
    EdgeProxy edge_proxy(directory, access, settings);
    net::HttpServer guest_server(guest_proxy, {});
    net::HttpServer edge_server(edge_proxy, {});
    loop.block_on(run_all(guest_server, std::move(*inner), edge_server, std::move(*outer), test()));
    edge_counted = counted(edge_proxy.stats());
  }

  Task<void> run_all(net::HttpServer& guest, net::Listener inner, net::HttpServer& edge,
                     net::Listener outer, Task<void> test) {
    net::TaskScope scope(loop);
    scope.spawn(guest.serve(std::move(inner)));
    scope.spawn(edge.serve(std::move(outer)));
    scope.spawn(application.serve());
    co_await std::move(test);
    scope.request_stop();
    co_await scope.join();
    co_await guests.remove_all();
  }

  // HOST, PREFIX, PORT, TOKEN and PREVIEW stand for what they say.
  std::string fill_in(std::string text) const {
    const std::string port = std::to_string(application.port());
    const PortAddress address{std::string(kId), application.port()};
    replace_all(text, "HOST", concat(port, '-', kId, ".localhost:99"));
    replace_all(text, "PREFIX", path_prefix(address));
    replace_all(text, "PORT", port);
    replace_all(text, "TOKEN", access.traffic_token(kId));
    replace_all(text, "PREVIEW", access.preview_token(address, expires));
    replace_all(text, "EXPIRED", access.preview_token(address, 1000));
    return text;
  }

  Task<void> expect_answer(std::string request, std::string beginning) {
    const std::string expected = fill_in(std::move(beginning));
    const auto answer = co_await net::with_timeout(
        seconds(5), talk(endpoint, fill_in(std::move(request)), expected.size()));
    EXPECT_EQ(answer.value_or("nothing").substr(0, expected.size()), expected);
  }

  Task<void> expect_all(std::vector<std::string> requests) {
    for (const auto& request : requests) co_await expect_answer(request, "HTTP/1.1 200 OK\r\n");
  }

  // First a stranger, then who may.
  Task<void> expect_two(std::string stranger, std::string friendly) {
    co_await expect_answer("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", std::move(stranger));
    co_await expect_answer(std::string(kWithToken), std::move(friendly));
  }
  // The host has paused the sandbox, and nobody else knows.
  Task<void> expect_woken(std::string request, std::string beginning) {
    co_await guests.remove(std::string(kId));
    co_await expect_answer(std::move(request), std::move(beginning));
  }

  // Bytes in, bytes out, answers that are a 2xx, and what is open still.
  using Figures = std::array<std::uint64_t, 4>;
  static Figures counted(const ProxyStats& stats) {
    return {stats.bytes_in.value(), stats.bytes_out.value(), stats.answers.value(2),
            static_cast<std::uint64_t>(stats.open.value())};
  }

  Figures edge_counted{};  // Of the last run.
  const std::int64_t expires = base::unix_ms_now() / 1000 + 600;
  net::Loop loop;
  ScriptedServer application{loop};
  GuestTable guests{GuestLimits()};
  Directory directory;
  AccessKey access{base::Secret(std::string(64, 'a'))};
  EdgeSettings settings;
  net::Endpoint endpoint = *net::Endpoint::parse("127.0.0.1:1");
};

struct Row {
  const char* name;
  std::string request;
  std::string forwarded;
  std::string answer;
  std::string returned;
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// What the application gets in the host form, before the fields of the request.
std::string as_host(std::string line, std::string fields = {}) {
  return concat(line, " HTTP/1.1\r\nHost: localhost:PORT\r\n", fields,
                "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: HOST\r\n"
                "X-Forwarded-Proto: http\r\n\r\n");
}
std::string as_path(std::string line, std::string fields = {}) {
  return concat(line, " HTTP/1.1\r\nHost: localhost:PORT\r\n", fields,
                "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: here:99\r\n"
                "X-Forwarded-Proto: http\r\nX-Forwarded-Prefix: PREFIX\r\n\r\n");
}

const std::vector<Row>& rows() {
  const std::string token = "X-Wrenn-Traffic-Token: TOKEN\r\n";
  const std::string host = concat(" HTTP/1.1\r\nHost: HOST\r\n", token);
  const std::string path = concat(" HTTP/1.1\r\nHost: here:99\r\n", token);
  static const std::vector<Row> kRows = {
      {"HostForm", concat("GET //a%2Fb/?x=1", host, "\r\n"), as_host("GET //a%2Fb/?x=1"), kOk, kOk},
      {"PathForm", concat("GET PREFIX//a%2Fb/?x=1", path, "\r\n"), as_path("GET //a%2Fb/?x=1"), kOk,
       kOk},
      {"TheApplicationsOwnProxyPath", concat("GET /proxy/x/1/", host, "\r\n"),
       as_host("GET /proxy/x/1/"), kOk, kOk},
      {"AbsoluteForm", concat("GET http://HOST/a?b HTTP/1.1\r\nHost: elsewhere\r\n", token, "\r\n"),
       as_host("GET /a?b"), kOk, kOk},
      {"NothingIsBelieved",
       concat("GET /", host,
              "X-Forwarded-For: 1.2.3.4\r\nX_Forwarded_Proto: https\r\nForwarded: for=1.2.3.4\r\n"
              "X-Forwarded-Prefix: /evil\r\n\r\n"),
       as_host("GET /"), kOk, kOk},
      {"CredentialsStay",
       concat("GET /", host, "Cookie: a=1; wrenn_preview=PREVIEW; b=2\r\n",
              "e2b-traffic-access-token: TOKEN\r\n\r\n"),
       as_host("GET /", "Cookie: a=1; b=2\r\n"), kOk, kOk},
      {"TheApplicationsOwnAuthorization",
       concat("GET /", host, "Authorization: Bearer its-own\r\nX-API-Key: mine\r\n\r\n"),
       as_host("GET /", "Authorization: Bearer its-own\r\nX-API-Key: mine\r\n"), kOk, kOk},
      {"NoKeyOfOursPasses",
       concat("GET /", host, "X-API-Key: ", kKey, "\r\nX-API-Key: mine\r\n",
              "Authorization: Bearer wrn_other\r\n\r\n"),
       as_host("GET /"), kOk, kOk},
      {"OriginIsTranslated", concat("GET /", host, "Origin: http://HOST\r\n\r\n"),
       as_host("GET /", "Origin: http://localhost:PORT\r\n"), kOk, kOk},
      {"LocationInThePathForm", concat("GET PREFIX/", path, "\r\n"), as_path("GET /"),
       "HTTP/1.1 302 Found\r\nLocation: /login?next=/\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 302 Found\r\nLocation: PREFIX/login?next=/\r\nContent-Length: 0\r\n\r\n"},
      {"LocationInTheHostForm", concat("GET /", host, "\r\n"), as_host("GET /"),
       "HTTP/1.1 302 Found\r\nLocation: http://localhost:PORT/login\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"},
      {"CookiesOfTheApplication", concat("GET PREFIX/", path, "\r\n"), as_path("GET /"),
       "HTTP/1.1 200 OK\r\nSet-Cookie: s=1; Path=/; Domain=example.com; HttpOnly\r\n"
       "Content-Length: 0\r\n\r\n",
       "HTTP/1.1 200 OK\r\nSet-Cookie: s=1; Path=PREFIX/; HttpOnly\r\nContent-Length: 0\r\n\r\n"},
  };
  return kRows;
}

class EdgeBytes : public EdgeProxyTest, public testing::WithParamInterface<Row> {};

TEST_P(EdgeBytes, AreExactlyThese) {
  const Row& row = GetParam();
  const std::string forwarded = fill_in(row.forwarded);
  application.script({{forwarded.size(), fill_in(row.answer), false}});
  run([&, this] { return expect_answer(row.request, row.returned); });
  EXPECT_EQ(application.received(), forwarded);
}

INSTANTIATE_TEST_SUITE_P(Table, EdgeBytes, testing::ValuesIn(rows()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(EdgeProxyTest, BothHalvesCountWhatTheyCarry) {
  const std::string request =
      concat("POST / HTTP/1.1\r\nHost: HOST\r\n",
             "X-Wrenn-Traffic-Token: TOKEN\r\nContent-Length: 5\r\n\r\nhello");
  const std::string forwarded = fill_in(as_host("POST /"));
  application.script(
      {{forwarded.size(), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye", false}});
  run([&, this] {
    return expect_answer(request, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye");
  });
  const Figures expected = {5, 3, 1, 0};
  EXPECT_EQ(edge_counted, expected);
  EXPECT_EQ(counted(guests.stats()), expected);
}

// What is answered without the application.
struct Answered {
  const char* name;
  std::string request;
  std::string beginning;
};

const std::vector<Answered>& answered() {
  const std::string get = "GET / HTTP/1.1\r\nHost: HOST\r\n";
  const std::string no_store = "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n";
  static const std::vector<Answered> kRows = {
      {"Private", get + "\r\n", "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"},
      {"WithTheIdThatWasGiven", get + "X-Request-Id: trace-1\r\n\r\n",
       "HTTP/1.1 403 Forbidden\r\nContent-Type: "
       "application/json\r\nCache-Control: no-store\r\n"
       "X-Content-Type-Options: nosniff\r\nX-Request-Id: "
       "trace-1\r\nContent-Length: "},
      {"WithoutAnIdThatIsNone", get + "X-Request-Id: a b\r\n\r\n",
       "HTTP/1.1 403 Forbidden\r\nContent-Type: "
       "application/json\r\nCache-Control: no-store\r\n"
       "X-Content-Type-Options: nosniff\r\nContent-Length: "},
      {"PrivateToABrowser", get + "User-Agent: Mozilla/5.0\r\n\r\n",
       "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html; charset=utf-8\r\n"},
      {"WrongToken", get + "X-Wrenn-Traffic-Token: no\r\n\r\n", "HTTP/1.1 403 "},
      {"WrongCookie", get + "Cookie: wrenn_preview=no\r\n\r\n", "HTTP/1.1 403 "},
      {"AnotherTeamsKey", get + "X-API-Key: wrn_other\r\n\r\n", "HTTP/1.1 403 "},
      {"ExpiredLink", "GET /?wrenn_preview=EXPIRED HTTP/1.1\r\nHost: HOST\r\n\r\n",
       "HTTP/1.1 403 "},
      {"UnknownSandbox", concat("GET / HTTP/1.1\r\nHost: 80-", kOther, ".localhost\r\n\r\n"),
       "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"},
      {"BadPort", concat("GET / HTTP/1.1\r\nHost: 0-", kId, ".localhost\r\n\r\n"), "HTTP/1.1 400 "},
      {"NothingHere", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
      {"EnvdWithoutItsToken",
       concat("GET /files?path=/ HTTP/1.1\r\nHost: 49983-", kId,
              ".localhost\r\nX-Wrenn-Traffic-Token: TOKEN\r\n\r\n"),
       "HTTP/1.1 403 "},
      {"EnvdsInit",
       concat("POST /init HTTP/1.1\r\nHost: 49983-", kId,
              ".localhost\r\nX-Access-Token: token\r\nContent-Length: 0\r\n\r\n"),
       "HTTP/1.1 404 "},
      {"PathWithoutSlash",
       "GET PREFIX?a=1 HTTP/1.1\r\nHost: here\r\nX-Wrenn-Traffic-Token: TOKEN\r\n\r\n",
       "HTTP/1.1 308 Permanent Redirect\r\nLocation: PREFIX/?a=1\r\n"},
      {"LinkInTheHostForm",
       "GET //a?x=1&wrenn_preview=PREVIEW&y HTTP/1.1\r\nHost: HOST\r\nUser-Agent: Chrome\r\n\r\n",
       concat("HTTP/1.1 303 See Other\r\nLocation: /.//a?x=1&y\r\n", no_store,
              "Set-Cookie: wrenn_preview=PREVIEW; Path=/; Max-Age=")},
      {"LinkInThePathForm",
       "GET PREFIX/?wrenn_preview=PREVIEW HTTP/1.1\r\nHost: here\r\nUser-Agent: Chrome\r\n\r\n",
       concat("HTTP/1.1 303 See Other\r\nLocation: PREFIX/\r\n", no_store,
              "Set-Cookie: wrenn_preview=PREVIEW; Path=PREFIX; Max-Age=")},
      {"ClosedPort",
       concat("GET / HTTP/1.1\r\nHost: 1-", kId,
              ".localhost\r\nX-Wrenn-Traffic-Token: TOKEN\r\n\r\n"),
       concat("HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"
              "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
              "Content-Length: 121\r\n\r\n{\"sandboxId\":\"",
              kId,
              "\",\"message\":\"The sandbox is running but port is not open\",\"port\":1,"
              "\"code\":502}")},
  };
  return kRows;
}

class EdgeAnswers : public EdgeProxyTest, public testing::WithParamInterface<Answered> {};

TEST_P(EdgeAnswers, ByItself) {
  const Answered& row = GetParam();
  run([&, this] { return expect_answer(row.request, row.beginning); });
  EXPECT_EQ(application.received(), "");
}

INSTANTIATE_TEST_SUITE_P(Table, EdgeAnswers, testing::ValuesIn(answered()),
                         [](const auto& info) { return std::string(info.param.name); });

// What opens a private port, and is not the application's to see.
TEST_F(EdgeProxyTest, EachKeyOpens) {
  const std::vector<std::string> requests = {
      "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: wrenn_preview=PREVIEW\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: HOST\r\nCookie: wrenn_preview=old; wrenn_preview=PREVIEW\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: HOST\r\ne2b-traffic-access-token: TOKEN\r\n\r\n",
      "GET /?wrenn_preview=PREVIEW HTTP/1.1\r\nHost: HOST\r\n\r\n",
      concat("GET / HTTP/1.1\r\nHost: HOST\r\nX-API-Key: ", kKey, "\r\n\r\n"),
      concat("GET / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer ", kKey, "\r\n\r\n"),
  };
  const std::string forwarded = fill_in(as_host("GET /"));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    application.script({{forwarded.size(), kOk, true}});
  }
  run([&, this] { return expect_all(requests); });
  std::string all;
  for (std::size_t i = 0; i < requests.size(); ++i) all += forwarded;
  EXPECT_EQ(application.received(), all);
}

TEST_F(EdgeProxyTest, APublicPortAsksForNothing) {
  directory.place.public_ports = {1, application.port()};
  const std::string forwarded = fill_in(as_host("GET /"));
  for (int i = 0; i < 2; ++i) application.script({{forwarded.size(), kOk, true}});
  run([&, this] {
    return expect_all({"GET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
                       concat("GET / HTTP/1.1\r\nHost: HOST\r\nX-API-Key: ", kKey, "\r\n\r\n")});
  });
  EXPECT_EQ(application.received(), forwarded + forwarded);
}

TEST_F(EdgeProxyTest, ASandboxThatDoesNotRunIsNotFound) {
  directory.place.is_running = false;
  run([&, this] {
    return expect_answer("GET / HTTP/1.1\r\nHost: HOST\r\n\r\n", "HTTP/1.1 502 Bad Gateway\r\n");
  });
}

TEST_F(EdgeProxyTest, TrafficThatMayPassWakesASandbox) {
  directory.place.is_running = false;
  directory.place.can_wake = true;
  const std::string forwarded = fill_in(as_host("GET /"));
  application.script({{forwarded.size(), kOk, true}});
  run([&, this] { return expect_two("HTTP/1.1 403 Forbidden\r\n", "HTTP/1.1 200 OK\r\n"); });
  EXPECT_EQ(directory.wakes, 1) << "a stranger wakes nothing";
  EXPECT_EQ(application.received(), forwarded);
}

TEST_F(EdgeProxyTest, ASandboxThatCannotBeWokenIsAClearError) {
  directory.place.is_running = false;
  directory.place.can_wake = true;
  directory.wake_fails = true;
  run([&, this] { return expect_answer(std::string(kWithToken), "HTTP/1.1 502 Bad Gateway\r\n"); });
  EXPECT_EQ(application.received(), "");
}

// The database may be a second behind: the host pauses by itself.
TEST_F(EdgeProxyTest, ASandboxThatSleepsUnnoticedIsWoken) {
  directory.place.can_wake = true;
  directory.on_wake = [this] { add_guest(); };
  const std::string forwarded = fill_in(as_host("GET /"));
  application.script({{forwarded.size(), kOk, true}});
  run([&, this] { return expect_woken(std::string(kWithToken), "HTTP/1.1 200 OK\r\n"); });
  EXPECT_EQ(directory.wakes, 1);
  EXPECT_EQ(directory.last_reason, WakeReason::kHostRefused);
  EXPECT_EQ(application.received(), forwarded);
}

TEST_F(EdgeProxyTest, ABodyThatIsGoneIsNotMadeUp) {
  directory.place.can_wake = true;
  directory.on_wake = [this] { add_guest(); };
  run([&, this] {
    return expect_woken(
        "POST / HTTP/1.1\r\nHost: HOST\r\nX-Wrenn-Traffic-Token: TOKEN\r\n"
        "Content-Length: 2\r\n\r\nab",
        "HTTP/1.1 502 Bad Gateway\r\n");
  });
  EXPECT_EQ(directory.wakes, 1);
  EXPECT_EQ(application.received(), "");
}

TEST_F(EdgeProxyTest, ATunnelGoesTheWholeWay) {
  application.script({{2, "\x03", true}});
  run([&, this] {
    return expect_answer(
        concat("GET /tunnel/", kId,
               "/PORT HTTP/1.1\r\nHost: here\r\nX-Wrenn-Traffic-Token: TOKEN\r\n"
               "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x01\x02"),
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x03");
  });
  EXPECT_EQ(application.received(), "\x01\x02");
}

}  // namespace
}  // namespace wrenn::proxy
