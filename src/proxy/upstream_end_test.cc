// What the control plane's half does when the host ends or resets the connection amid an exchange:
// every wait has something that ends it, whatever the client does meanwhile.
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "proxy/edge_proxy.h"
#include "proxy/test_servers.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::Result;
using net::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kId = "cl-0123456789abcdefghijklmno";
constexpr std::size_t kLong = 8u << 20;  // Is spliced, and is more than any socket holds.

class OneSandbox final : public EdgeDirectory {
 public:
  Task<Result<std::shared_ptr<const SandboxPlace>>> find(std::string) override {
    co_return std::make_shared<const SandboxPlace>(place);
  }
  Task<Result<std::string>> team_of_key(std::string) override { co_return std::string(); }
  SandboxPlace place{.team_id = "team-a",
                     .is_running = true,
                     .can_wake = false,
                     .public_ports = {80},
                     .host = nullptr};
};

enum class Ending { kClosed, kReset };
enum class Transport { kTcp, kUnix };

struct Moment {
  const char* name;
  std::string fields;       // Of the request: its framing.
  std::size_t sends = 0;    // Of its body, as it goes over the wire; then the client is silent.
  std::size_t takes = 0;    // So much of the request is read before the answer begins.
  std::string answer;       // Then the connection ends.
  bool is_late = false;     // The client begins to read only once all of that has happened.
  const char* status = "";  // That the client sees.
  std::size_t gets = 0;     // And so many bytes in all at least, where nothing was reset.
};

std::string answer_of(std::string_view framing, std::size_t size) {
  return concat("HTTP/1.1 200 OK\r\n", framing, "\r\n\r\n", std::string(size, 'a'));
}

const std::vector<Moment>& moments() {
  const std::string length = concat("Content-Length: ", 2 * kLong);
  const std::string few = "Content-Length: 1000";
  const std::string chunked = "Transfer-Encoding: chunked";
  // The one chunk that every chunked body here begins with is never whole.
  static const std::string kChunked =
      concat("HTTP/1.1 200 OK\r\n", chunked, "\r\n\r\nf00000\r\n", std::string(kLong, 'a'));
  // Where bytes of an answer are counted the host has read what it got: to close with bytes unread
  // is to reset.
  static const std::vector<Moment> kMoments = {
      {"BeforeAnything", length, 0, 0, "", false, "502"},
      {"AmidALongRequest", length, 1 << 20, 1 << 19, "", false, "502"},
      {"AmidALongRequestThatIsNotRead", length, kLong, 0, "", false, "502"},
      {"AmidAShortRequest", few, 500, 500, "", false, "502"},
      {"AmidAChunkedRequest", chunked, 1 << 20, 1 << 19, "", false, "502"},
      {"AmidALongAnswer", few, 1000, 1000, answer_of(length, 1 << 20), false, "200", 1 << 20},
      {"AmidAShortAnswer", few, 1000, 1000, answer_of(few, 500), false, "200", 500},
      {"AmidAChunkedAnswer", few, 1000, 1000, kChunked, false, "200", kLong},
      {"AmidTheHead", few, 1000, 1000, "HTTP/1.1 200 OK\r\nContent-", false, "502"},
      {"AmidALongAnswerThatNobodyReads", few, 1000, 1000, answer_of(length, kLong), true, "200",
       1 << 18},
      {"AmidAChunkedAnswerThatNobodyReads", few, 1000, 1000, kChunked, true, "200", 1 << 18},
      {"AmidBoth", length, 1 << 19, 1 << 19, answer_of(length, 1 << 20), false, "200", 1 << 19},
      {"AmidBothThatNobodyReads", length, 1 << 19, 1 << 19, answer_of(length, kLong), true, "200",
       1 << 18},
      {"AmidBothChunked", chunked, 1 << 19, 1 << 19, kChunked, false, "200", 1 << 19},
  };
  return kMoments;
}

using Case = std::tuple<Moment, Ending, Transport>;

class UpstreamEnd : public testing::TestWithParam<Case> {
 protected:
  UpstreamEnd() { net::ignore_sigpipe(); }

  net::Endpoint host_address() const {
    if (std::get<Transport>(GetParam()) == Transport::kTcp) {
      return *net::Endpoint::parse("127.0.0.1:0");
    }
    return *net::Endpoint::parse(concat("unix:", (dir.path() / "host.sock").string()));
  }

  // The host: one connection, which ends as it is to.
  Task<void> play_host(net::Listener listener) {
    const auto& moment = std::get<Moment>(GetParam());
    auto stream = co_await listener.accept();
    if (!stream) co_return;
    std::vector<char> buffer(64 * 1024);
    std::string received;
    while (received.find("\r\n\r\n") == received.npos ||
           received.size() - received.find("\r\n\r\n") - 4 < moment.takes) {
      const auto n = co_await (*stream)->read_some(buffer);
      if (!n || *n == 0) co_return;
      received.append(buffer.data(), *n);
    }
    if (!co_await (moment.is_late ? write_what_fits(**stream) : write_answer(**stream))) co_return;
    if (std::get<Ending>(GetParam()) == Ending::kReset) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt((*stream)->descriptor().get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    has_ended = true;
  }

  Task<Result<void>> write_answer(net::Stream& stream) {
    return stream.write_all(std::get<Moment>(GetParam()).answer);
  }

  // Until everything on the way is full, since nobody reads.
  Task<Result<void>> write_what_fits(net::Stream& stream) {
    std::string_view left = std::get<Moment>(GetParam()).answer;
    for (int idle = 0; idle < 10 && !left.empty();) {
      WRENN_CO_TRY_ASSIGN(const std::size_t n, stream.write_now(left));
      left.remove_prefix(n);
      idle = n > 0 ? 0 : idle + 1;
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    co_return {};
  }

  // What comes back, to its end.
  Task<Result<std::string>> play_client(net::Endpoint edge) {
    const auto& moment = std::get<Moment>(GetParam());
    const net::Context context = co_await net::current_context();
    WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(edge));
    net::TaskScope beside(*context.loop);
    beside.spawn(send_request(*stream));
    while (moment.is_late && !has_ended) {
      if (!co_await net::sleep_for(milliseconds(10))) break;
    }
    if (moment.is_late) (void)co_await net::sleep_for(milliseconds(50));
    std::string answer;
    std::vector<char> buffer(64 * 1024);
    while (true) {
      const auto n = co_await stream->read_some(buffer);
      if (n && *n > 0) answer.append(buffer.data(), *n);
      // A whole answer, after which the server would still wait for the rest of the request.
      if (n && *n > 0 && !answer.ends_with("\"code\":502}\n")) continue;
      beside.request_stop();
      co_await beside.join();
      if (!n && n.error().code == base::Code::kCanceled) co_return base::fail(n.error());
      co_return answer;
    }
  }

  Task<void> send_request(net::Stream& stream) {
    const auto& moment = std::get<Moment>(GetParam());
    const std::string head = concat("POST / HTTP/1.1\r\nHost: 80-", kId, ".localhost\r\n",
                                    moment.fields, "\r\nConnection: close\r\n\r\n");
    std::string body(moment.sends, 'b');
    if (moment.fields.starts_with("Transfer")) body.replace(0, 8, "f00000\r\n");
    // The edge may have had enough before.
    (void)co_await stream.write_all(head, body);
  }

  Task<void> run_all(net::HttpServer& server, net::Listener edge, net::Listener host) {
    const net::Endpoint address = *net::Endpoint::tcp("127.0.0.1", edge.port());
    net::TaskScope scope(loop);
    scope.spawn(server.serve(std::move(edge)));
    scope.spawn(play_host(std::move(host)));
    seen = co_await net::with_timeout(seconds(10), play_client(address));
    // The exchange is over, also at the control plane.
    for (int i = 0; i < 100 && server.connections() > 0; ++i) {
      (void)co_await net::sleep_for(milliseconds(20));
    }
    left_open = server.connections();
    scope.request_stop();
    co_await scope.join();
  }

  base::TempDir dir = *base::TempDir::create();
  net::Loop loop;
  OneSandbox directory;
  AccessKey access{base::Secret(std::string(64, 'a'))};
  bool has_ended = false;
  Result<std::string> seen = std::string();
  std::size_t left_open = 1;
};

TEST_P(UpstreamEnd, EndsTheExchange) {
  const auto& moment = std::get<Moment>(GetParam());
  auto host = net::Listener::listen(loop, host_address());
  auto edge = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
  ASSERT_TRUE(host && edge);
  const bool is_tcp = std::get<Transport>(GetParam()) == Transport::kTcp;
  net::ConnectionPool pool(is_tcp ? *net::Endpoint::tcp("127.0.0.1", host->port()) : host_address(),
                           {});
  directory.place.host = &pool;
  EdgeProxy proxy(directory, access, {});
  net::HttpServer server(proxy, {});
  loop.block_on(run_all(server, std::move(*edge), std::move(*host)));
  ASSERT_TRUE(seen) << seen.error().to_string();
  EXPECT_TRUE(has_ended);
  EXPECT_EQ(left_open, 0u);
  // A reset may take with it what was on its way: then there is no answer or less of it.
  if (std::get<Ending>(GetParam()) == Ending::kReset) return;
  EXPECT_EQ(std::string_view(*seen).substr(0, 12), concat("HTTP/1.1 ", moment.status));
  EXPECT_GE(seen->size(), moment.gets);
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const auto& [moment, ending, transport] = info.param;
  return concat(moment.name, ending == Ending::kReset ? "Reset" : "Closed",
                transport == Transport::kUnix ? "Unix" : "Tcp");
}

INSTANTIATE_TEST_SUITE_P(Table, UpstreamEnd,
                         testing::Combine(testing::ValuesIn(moments()),
                                          testing::Values(Ending::kClosed, Ending::kReset),
                                          testing::Values(Transport::kTcp, Transport::kUnix)),
                         name_of);

}  // namespace
}  // namespace wrenn::proxy
