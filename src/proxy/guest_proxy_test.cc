// The proxy on a host, byte for byte: what a client sends, what the application gets, what it
// answers, and what the client gets.
#include "proxy/guest_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "proxy/test_servers.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::Result;
using net::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kId = "cl-0123456789abcdefghijklmno";

class GuestProxyTest : public testing::Test {
 protected:
  GuestProxyTest() {
    net::ignore_sigpipe();
    limits.max_open = 8;
  }

  void add_guest() {
    guests.emplace(limits);
    guests->add(
        {.id = std::string(kId),
         .endpoint = [](std::uint16_t port) { return *net::Endpoint::tcp("127.0.0.1", port); },
         .netns = {},
         .envd_token = base::Secret("token"),
         .activity = activity,
         .ports = nullptr});
  }

  template <class F>
  void run(F test) {
    if (!guests) add_guest();
    auto listener = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(listener) << listener.error().message;
    endpoint = *net::Endpoint::tcp("127.0.0.1", listener->port());
    GuestProxy proxy(*guests);
    net::HttpServer server(proxy, {.header_timeout = milliseconds(300)});
    loop.block_on(run_all(server, std::move(*listener), test()));
  }

  Task<void> run_all(net::HttpServer& server, net::Listener listener, Task<void> test) {
    net::TaskScope scope(loop);
    scope.spawn(server.serve(std::move(listener)));
    scope.spawn(application.serve());
    co_await std::move(test);
    scope.request_stop();
    co_await scope.join();
    co_await guests->remove_all();
  }

  std::string prefix() const { return concat("/proxy/", kId, '/', application.port()); }

  net::Loop loop;
  ScriptedServer application{loop};
  GuestLimits limits;
  std::optional<GuestTable> guests;
  std::shared_ptr<Activity> activity = std::make_shared<Activity>();
  net::Endpoint endpoint = *net::Endpoint::parse("127.0.0.1:1");
};

// PREFIX stands for /proxy/{id}/{port}.
struct Row {
  const char* name;
  std::string request;
  std::string forwarded;
  std::string answer;
  std::string returned;
  bool application_closes = false;
};

std::string fill_in(std::string text, std::string_view prefix) {
  constexpr std::string_view kMark = "PREFIX";
  for (auto at = text.find(kMark); at != text.npos; at = text.find(kMark)) {
    text.replace(at, kMark.size(), prefix);
  }
  return text;
}

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr const char* kOkClosed =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"APathByteForByte",
       "GET PREFIX//a%2Fb/../c/?x=1&y=%20 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "GET //a%2Fb/../c/?x=1&y=%20 HTTP/1.1\r\nHost: h\r\n\r\n", kOk, kOkClosed},
      {"AQueryWithoutAPath", "GET PREFIX?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "GET /?q HTTP/1.1\r\nHost: h\r\n\r\n", kOk, kOkClosed},
      {"AnyMethod", "PROPFIND PREFIX/ HTTP/1.1\r\nHost: h\r\nDepth: 1\r\nConnection: close\r\n\r\n",
       "PROPFIND / HTTP/1.1\r\nHost: h\r\nDepth: 1\r\n\r\n", kOk, kOkClosed},
      {"FieldsOfTheConnectionStay",
       "GET PREFIX/ HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nKeep-Alive: 5\r\nX-Hop: 1\r\n"
       "Proxy-Authorization: x\r\nConnection: close, X-Hop\r\n\r\n",
       "GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n",
       "HTTP/1.1 200 OK\r\nX-B: 2\r\nX-Hop: 1\r\nConnection: X-Hop\r\nKeep-Alive: x\r\n"
       "Content-Length: 0\r\n\r\n",
       "HTTP/1.1 200 OK\r\nX-B: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
      {"ABodyWithALength",
       "POST PREFIX/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", kOk, kOkClosed},
      {"AnEmptyBody",
       "POST PREFIX/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", kOk, kOkClosed},
      {"ChunksAreReadAndWrittenAnew",
       "POST PREFIX/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
       "3;ext=1\r\nabc\r\n02\r\nde\r\n0\r\nX-Sum: 5\r\nCookie: no\r\n\r\n",
       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
       "5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n",
       kOk, kOkClosed},
      {"ChunksAndTrailersBack",
       "GET PREFIX/ HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n",
       "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
       "1\r\na\r\n1\r\nb\r\n0\r\nX-T: 1\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
       "2\r\nab\r\n0\r\nX-T: 1\r\n\r\n"},
      {"ABodyUntilTheEnd", "GET PREFIX/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.0 200 Fine\r\n\r\nall of it",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
       "9\r\nall of it\r\n0\r\n\r\n",
       true},
      {"AnOldClientGetsNoChunks", "GET PREFIX/ HTTP/1.0\r\nHost: h\r\n\r\n",
       "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
       "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"},
      {"HeadKeepsTheLength", "HEAD PREFIX/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"},
      {"NotModified", "GET PREFIX/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
       "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nConnection: close\r\n\r\n"},
      {"InterimResponses",
       "POST PREFIX/ HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
       "Connection: close\r\n\r\nhi",
       "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
       concat("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
              kOkClosed)},
      {"AnUpgradeThatIsRefused",
       "GET PREFIX/ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n",
       "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", kOk,
       kOkClosed},
      {"TheFaultFieldIsOurs", "GET PREFIX/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
       "HTTP/1.1 502 Bad Gateway\r\nX-Wrenn-Fault: port-closed\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
  };
  return kRows;
}

class ForwardedBytes : public GuestProxyTest, public testing::WithParamInterface<Row> {};

Task<void> check_row(net::Endpoint endpoint, std::string request, std::string returned) {
  const auto answer = co_await net::with_timeout(seconds(5), talk(endpoint, std::move(request)));
  EXPECT_EQ(answer.value_or("nothing"), returned);
}

TEST_P(ForwardedBytes, AreExactlyThese) {
  const Row& row = GetParam();
  application.script({{row.forwarded.size(), row.answer, row.application_closes}});
  run([&, this] { return check_row(endpoint, fill_in(row.request, prefix()), row.returned); });
  EXPECT_EQ(application.received(), row.forwarded);
}

INSTANTIATE_TEST_SUITE_P(Table, ForwardedBytes, testing::ValuesIn(rows()),
                         [](const auto& info) { return std::string(info.param.name); });

// What follows the request waits for the answer: it is of the other protocol only then.
TEST_F(GuestProxyTest, AnUpgradeCarriesWhatFollowsBothWays) {
  const std::string request =
      "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  application.script({{request.size(), answer + "back", false}, {5, "more", true}});
  run([&, this] {
    return check_row(endpoint,
                     concat("GET ", prefix(),
                            "/ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, "
                            "Upgrade\r\nUpgrade: websocket\r\n\r\nfirst"),
                     answer + "backmore");
  });
  EXPECT_EQ(application.received(), request + "first");
}

// Refused before the application sees a byte.
struct Refused {
  const char* name;
  std::string request;
  std::string status;
};

const std::vector<Refused>& refused() {
  const std::string head = "POST PREFIX/ HTTP/1.1\r\nHost: h\r\n";
  static const std::vector<Refused> kRows = {
      {"TwoLengths", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
      {"LengthAndChunks", head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"},
      {"NoNumber", head + "Content-Length: +1\r\n\r\n", "400"},
      {"HiddenChunks", head + "Transfer-Encoding: \vchunked\r\n\r\n", "400"},
      {"OtherCodings", head + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
      {"FoldedLines", head + "X: 1\r\n 2\r\n\r\n", "400"},
      {"SpaceBeforeColon", head + "X : 1\r\n\r\n", "400"},
      {"BareLf", "GET PREFIX/ HTTP/1.1\nHost: h\r\n\r\n", "400"},
      {"NoHost", "GET PREFIX/ HTTP/1.1\r\n\r\n", "400"},
      {"Oversize", head + "X: " + std::string(70'000, 'x') + "\r\n\r\n", "431"},
      {"LongTarget", "GET PREFIX/" + std::string(20'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n",
       "414"},
      {"Http2", "PRI * HTTP/2.0\r\n\r\n", "501"},
      {"TooSlow", "GET PREFIX/ HTTP/1.1\r\nHost: h\r\nX", "408"},
      {"BadPort", concat("GET /proxy/", kId, "/0/ HTTP/1.1\r\nHost: h\r\n\r\n"), "400"},
      {"BadId", "GET /proxy/cl-x/80/ HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
      {"Elsewhere", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
      {"Unknown", "GET /proxy/cl-1123456789abcdefghijklmno/80/ HTTP/1.1\r\nHost: h\r\n\r\n", "502"},
  };
  return kRows;
}

class RefusedBytes : public GuestProxyTest, public testing::WithParamInterface<Refused> {};

Task<void> check_refused(net::Endpoint endpoint, std::string request, std::string status) {
  const std::string expected = concat("HTTP/1.1 ", status, " ");
  const auto answer =
      co_await net::with_timeout(seconds(5), talk(endpoint, std::move(request), expected.size()));
  EXPECT_EQ(answer.value_or("nothing").substr(0, expected.size()), expected);
}

TEST_P(RefusedBytes, ReachNoApplication) {
  const Refused& row = GetParam();
  run([&, this] { return check_refused(endpoint, fill_in(row.request, prefix()), row.status); });
  EXPECT_EQ(application.received(), "");
}

INSTANTIATE_TEST_SUITE_P(Table, RefusedBytes, testing::ValuesIn(refused()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(GuestProxyTest, AClosedPortIsToldAfterThreeTries) {
  run([this] {
    return check_row(
        endpoint,
        concat("GET /proxy/", kId, "/1/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
        concat("HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"
               "X-Wrenn-Fault: port-closed The sandbox is running but port is not "
               "open\r\nContent-Length: 121\r\nConnection: close\r\n\r\n"
               "{\"sandboxId\":\"",
               kId,
               "\",\"message\":\"The sandbox is running but port is not "
               "open\",\"port\":1,\"code\":502}\n"));
  });
}

TEST_F(GuestProxyTest, AConnectionThatDiedWhileItWasKeptIsReplacedOnce) {
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  application.script({{get.size(), kOk, false}, {get.size(), "", true}});
  application.script({{get.size(), kOk, false}});
  run([&, this] {
    const std::string one = concat("GET ", prefix(), "/ HTTP/1.1\r\nHost: h\r\n");
    return check_row(endpoint, concat(one, "\r\n", one, "Connection: close\r\n\r\n"),
                     concat(kOk, kOkClosed));
  });
  EXPECT_EQ(application.connections(), 2u);
  EXPECT_EQ(application.received(), get + get + get);
}

TEST_F(GuestProxyTest, WhatMayNotBeRepeatedIsNot) {
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  application.script({{post.size(), kOk, false}, {post.size(), "", true}});
  application.script({{post.size(), kOk, false}});
  run([&, this] {
    const std::string one =
        concat("POST ", prefix(), "/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n");
    return check_refused(endpoint, concat(one, "\r\nx", one, "Connection: close\r\n\r\nx"), "200");
  });
  EXPECT_EQ(application.connections(), 1u);
}

Task<void> check_tunnel(net::Endpoint endpoint, std::uint16_t port) {
  const std::string request = concat("GET /tunnel/", kId, '/', port,
                                     " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                     "Upgrade: tcp\r\n\r\n\x01\x02");
  const auto answer = co_await net::with_timeout(seconds(5), talk(endpoint, request));
  EXPECT_EQ(answer.value_or("nothing"),
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x03");
}

TEST_F(GuestProxyTest, ATunnelCarriesAnything) {
  application.script({{2, "\x03", true}});
  run([this] { return check_tunnel(endpoint, application.port()); });
  EXPECT_EQ(application.received(), "\x01\x02");
  EXPECT_GT(activity->last_unix_ms(), 0);
}

// Too long to be copied, both of them: no byte is lost or changed on the way.
std::string long_body(char first) {
  std::string body(3'000'001, first);
  for (std::size_t i = 0; i < body.size(); i += 7) body[i] = static_cast<char>(i >> 8);
  return body;
}

TEST_F(GuestProxyTest, LongBodiesPassWholeBothWays) {
  const std::string sent = long_body('s');
  const std::string returned = long_body('r');
  const std::string length = concat("Content-Length: ", sent.size(), "\r\n");
  const std::string forwarded = concat("POST / HTTP/1.1\r\nHost: h\r\n", length, "\r\n", sent);
  application.script({{forwarded.size(), concat("HTTP/1.1 200 OK\r\n", length, "\r\n", returned)}});
  run([&, this] {
    return check_row(endpoint,
                     concat("POST ", prefix(), "/ HTTP/1.1\r\nHost: h\r\n", length,
                            "Connection: close\r\n\r\n", sent),
                     concat("HTTP/1.1 200 OK\r\n", length, "Connection: close\r\n\r\n", returned));
  });
  EXPECT_EQ(application.received(), forwarded);
}

TEST_F(GuestProxyTest, ALongAnswerThatIsCutNeverLooksWhole) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 3000001\r\n\r\n";
  const std::string half(1'500'000, 'x');
  application.script({{10, head + half, true}});
  run([&, this] {
    return check_row(endpoint, concat("GET ", prefix(), "/ HTTP/1.1\r\nHost: h\r\n\r\n"),
                     head + half);
  });
}

TEST_F(GuestProxyTest, AnApplicationThatLeavesAmidALongBodyIsToldOf) {
  application.script({{1'000'000, "", true}});
  run([&, this] {
    return check_refused(
        endpoint,
        concat("POST ", prefix(), "/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3000001\r\n\r\n",
               long_body('s')),
        "502");
  });
}

// The first byte of a slow answer comes before its last; so do those of the request.
Task<void> check_streaming(net::Endpoint endpoint, std::string prefix,
                           ScriptedServer& application) {
  auto stream = co_await net::connect(endpoint);
  const std::string head =
      concat("POST ", prefix, "/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(co_await (*stream)->write_all(head, "1\r\na\r\n"));
  std::array<char, 4096> buffer;
  std::string answer;
  while (!answer.contains("event")) {
    const auto n = co_await net::with_timeout(seconds(5), (*stream)->read_some(buffer));
    if (!n || *n == 0) break;
    answer.append(buffer.data(), *n);
  }
  EXPECT_TRUE(answer.contains("event")) << answer;
  EXPECT_TRUE(application.received().ends_with("1\r\na\r\n")) << application.received();
}

TEST_F(GuestProxyTest, BothDirectionsStreamAtOnce) {
  application.script({{10, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevent\r\n"}});
  run([this] { return check_streaming(endpoint, prefix(), application); });
}

Task<void> check_limit(net::Endpoint endpoint, std::string prefix, std::size_t open) {
  const std::string request = concat("GET ", prefix, "/ HTTP/1.1\r\nHost: h\r\n\r\n");
  std::vector<std::unique_ptr<net::Stream>> streams;
  for (std::size_t i = 0; i < open; ++i) {
    auto stream = co_await net::connect(endpoint);
    EXPECT_TRUE(co_await (*stream)->write_all(request));
    streams.push_back(std::move(*stream));
  }
  (void)co_await net::sleep_for(milliseconds(50));
  co_await check_refused(endpoint, request, "429");
  // A client that leaves makes room.
  streams.pop_back();
  (void)co_await net::sleep_for(milliseconds(50));
  co_await check_refused(endpoint, request, "200");
}

TEST_F(GuestProxyTest, OneSandboxHasSoManyRequestsAtOnce) {
  for (std::size_t i = 0; i < limits.max_open; ++i) application.script({{1000, "", false}});
  application.script({{10, kOk, false}});
  run([this] { return check_limit(endpoint, prefix(), limits.max_open); });
}

Task<void> check_removal(net::Endpoint endpoint, std::string prefix, GuestTable& guests) {
  auto stream = co_await net::connect(endpoint);
  EXPECT_TRUE(co_await (*stream)->write_all(
      concat("GET ", prefix, "/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")));
  (void)co_await net::sleep_for(milliseconds(50));
  co_await guests.remove(std::string(kId));
  std::array<char, 4096> buffer;
  const auto n = co_await net::with_timeout(seconds(5), (*stream)->read_some(buffer));
  EXPECT_TRUE(n && std::string_view(buffer.data(), *n).starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(guests.find(kId), nullptr);
}

TEST_F(GuestProxyTest, ASandboxThatGoesTakesItsRequestsWithIt) {
  application.script({{1000, "", false}});
  run([this] { return check_removal(endpoint, prefix(), *guests); });
}

Task<void> finish_late(net::Stream& stream) {
  (void)co_await net::sleep_for(milliseconds(100));
  EXPECT_TRUE(co_await stream.write_all("hello"));
}

Task<void> check_drain(net::Endpoint endpoint, std::string prefix, GuestTable& guests,
                       base::Duration patience, std::string status) {
  auto stream = co_await net::connect(endpoint);
  EXPECT_TRUE(co_await (*stream)->write_all(concat(
      "POST ", prefix, "/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\n")));
  (void)co_await net::sleep_for(milliseconds(50));
  const net::Context context = co_await net::current_context();
  net::TaskScope scope(*context.loop);
  scope.spawn(guests.remove(std::string(kId), patience));
  (void)co_await net::sleep_for(milliseconds(20));
  // Nothing new begins.
  EXPECT_EQ(guests.find(kId), nullptr);
  scope.spawn(finish_late(**stream));
  std::array<char, 4096> buffer;
  const auto n = co_await net::with_timeout(seconds(5), (*stream)->read_some(buffer));
  const std::string_view answer(buffer.data(), n ? *n : 0);
  EXPECT_TRUE(answer.starts_with(concat("HTTP/1.1 ", status))) << answer;
  co_await scope.join();
}

TEST_F(GuestProxyTest, ARequestThatIsUnderWayMayEnd) {
  application.script({{10, ""}, {5, kOk, true}});
  run([this] { return check_drain(endpoint, prefix(), *guests, seconds(5), "200"); });
}

TEST_F(GuestProxyTest, ButNotForEver) {
  application.script({{10, ""}, {5, kOk, true}});
  run([this] { return check_drain(endpoint, prefix(), *guests, milliseconds(20), "503"); });
}

// A guest whose network is dead sends no end: without probes, who waits for its bytes waits
// forever.
Task<void> check_probed(Guest& guest, std::uint16_t port) {
  const auto found = guest.port(port);
  EXPECT_TRUE(found);
  if (!found) co_return;
  auto connection = co_await (*found)->dial();
  EXPECT_TRUE(connection);
  if (!connection) co_return;
  const int fd = (*connection)->stream->descriptor().get();
  int idle_s = 0;
  int is_on = 0;
  socklen_t size = sizeof is_on;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &is_on, &size), 0);
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, &size), 0);
  EXPECT_EQ(is_on, 1);
  EXPECT_EQ(idle_s, 60);
}

TEST_F(GuestProxyTest, AGuestThatVanishesIsNoticed) {
  add_guest();
  run([this] { return check_probed(*guests->find(kId), application.port()); });
}

struct EnvdRow {
  const char* target;
  const char* fields;
  int status;  // 0: let through.
};

TEST_F(GuestProxyTest, EnvdIsReachedWithItsOwnTokenAlone) {
  add_guest();
  const std::vector<EnvdRow> table = {
      {"/health", "", 0},
      {"/files?path=/a", "", 403},
      {"/files?path=/a", "X-Access-Token: wrong\r\n", 403},
      {"/files?path=/a", "X-Access-Token: token\r\n", 0},
      {"/files?path=/a&signature=v1_x", "", 0},
      {"/process.Process/List", "X-Access-Token: token\r\n", 0},
      {"/init", "X-Access-Token: token\r\n", 404},
      {"/init/", "X-Access-Token: token\r\n", 404},
      {"/%69nit", "X-Access-Token: token\r\n", 404},
      {"//init", "X-Access-Token: token\r\n", 404},
      {"/x/../init", "X-Access-Token: token\r\n", 404},
  };
  for (const auto& row : table) {
    const std::string head = concat("GET / HTTP/1.1\r\nHost: h\r\n", row.fields, "\r\n");
    const auto request = net::HeadParser::parse_request(head, {});
    ASSERT_TRUE(request);
    const auto refusal = refuse_envd(*request, row.target, *guests->find(kId));
    EXPECT_EQ(refusal ? status_of(refusal->kind) : 0, row.status) << row.target << row.fields;
  }
}

}  // namespace
}  // namespace wrenn::proxy
