// Ports and their relays, through the real envd and real programs.
#include <sys/socket.h>

#include <algorithm>
#include <map>

#include "envd/envd_fixture.h"
#include "envd/ports/own_network_fixture.h"
#include "net/stream.h"
#include "proto/ports.pb.h"

namespace wrenn::envd {
namespace {

using PortMap = std::map<std::uint32_t, ports::Port>;
using WatchStream = connect::MessageStream<ports::WatchResponse>;

// "127.0.0.1" and the like, in the calling thread's network namespace.
base::Fd listen_on(const char* address, std::uint16_t port) {
  const auto endpoint = net::Endpoint::tcp(address, port);
  base::Fd fd = *endpoint->make_socket();
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  EXPECT_EQ(endpoint->bind(fd.get()), 0) << address << " " << port;
  EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

process::StartRequest http_server(const char* address, int port) {
  return shell(base::concat("exec /usr/bin/python3 -m http.server --bind ", address, " ", port));
}

// The state of a relay's process and the like; only the first.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  const auto text = base::read_file(base::concat("/proc/", pid, "/task/", pid, "/children"));
  for (const auto field : base::split(base::trim(text.value_or("")), ' ')) {
    if (const auto child = base::parse_int<pid_t>(field)) children.push_back(*child);
  }
  return children;
}

class PortsTest : private OwnNetwork, public EnvdTest {
 public:
  Task<Result<void>> real_servers() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    EXPECT_TRUE(ports.empty());
    WRENN_CO_TRY_ASSIGN(auto on_v4, co_await open(http_server("127.0.0.1", 8001)));
    WRENN_CO_TRY_ASSIGN(auto on_v6, co_await open(http_server("::1", 8002)));
    WRENN_CO_TRY_ASSIGN(auto on_all, co_await open(http_server("0.0.0.0", 8003)));
    while (!is_reachable(8001) || !is_reachable(8002) || !is_reachable(8003)) {
      WRENN_CO_TRY(co_await next(watch));
    }
    EXPECT_EQ(ports.size(), 3U);
    expect_port(8001, "127.0.0.1", true);
    expect_port(8002, "::1", true);
    expect_port(8003, "0.0.0.0", false);
    WRENN_CO_TRY_ASSIGN(const auto list, co_await client.unary<ports::ListResponse>(
                                             "/ports.Ports/List", ports::ListRequest()));
    EXPECT_EQ(list.ports_size(), 3);
    for (const int port : {8001, 8002, 8003}) {
      WRENN_CO_TRY_ASSIGN(const int status, co_await get_status(port));
      EXPECT_EQ(status, 200) << port;
    }

    Outcome started;
    WRENN_CO_TRY(co_await take_event(on_v4, started));
    ::kill(static_cast<pid_t>(started.pid), SIGKILL);
    while (ports.contains(8001)) WRENN_CO_TRY(co_await next(watch));
    EXPECT_EQ(ports.size(), 2U);
    WRENN_CO_TRY(co_await wait_refused(8001));
    co_return {};
  }

  // From the moment a program listens to the message that says so. A command runs, as when a
  // program of the user's has just been started.
  Task<Result<void>> quick() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    WRENN_CO_TRY_ASSIGN(auto command, co_await open(shell("exec sleep 60")));
    std::vector<std::int64_t> times;
    for (int round = 0; round < 5; ++round) {
      const auto port = static_cast<std::uint16_t>(9000 + round);
      const auto started = base::steady_now();
      const base::Fd listener = listen_on("0.0.0.0", port);
      while (!ports.contains(port)) WRENN_CO_TRY(co_await next(watch));
      times.push_back(base::to_ms(base::steady_now() - started));
    }
    std::ranges::sort(times);
    RecordProperty("median_ms", static_cast<int>(times[2]));
    // The limit is 100 ms; a machine that is busy with other things may hold up some of them.
    EXPECT_LE(times[0], 100);
    EXPECT_LE(times[4], 2000);
    co_return {};
  }

  Task<Result<void>> relay_restarts() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    const base::Fd listener = listen_on("127.0.0.1", 8001);
    while (!is_reachable(8001)) WRENN_CO_TRY(co_await next(watch));
    const auto relay = children_of(envd.pid());
    EXPECT_EQ(relay.size(), 1U);
    if (relay.size() != 1) co_return {};
    const auto status = base::read_file(base::concat("/proc/", relay[0], "/status"));
    EXPECT_NE(status->find("Name:\tsocat"), std::string::npos);
    EXPECT_NE(status->find("\nUid:\t65534\t65534\t65534\t65534\n"), std::string::npos);
    EXPECT_EQ(::getpgid(relay[0]), relay[0]);

    ::kill(relay[0], SIGKILL);
    while (is_reachable(8001)) WRENN_CO_TRY(co_await next(watch));
    EXPECT_TRUE(ports.contains(8001));
    while (!is_reachable(8001)) WRENN_CO_TRY(co_await next(watch));
    EXPECT_NE(children_of(envd.pid()), relay);
    co_return {};
  }

  // Only root may listen on such a port; what handles the connection is nobody.
  Task<Result<void>> privileged_port() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    const base::Fd listener = listen_on("127.0.0.1", 80);
    while (!is_reachable(80)) WRENN_CO_TRY(co_await next(watch));
    WRENN_CO_TRY_ASSIGN(const auto outside, net::Endpoint::tcp(kGuestAddress, 80));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(outside));
    WRENN_CO_TRY(co_await stream->write_all("ping"));
    WRENN_CO_TRY(co_await net::wait_readable(listener.get()));
    WRENN_CO_TRY_ASSIGN(
        auto inside, net::Stream::adopt(loop, base::Fd(::accept4(listener.get(), nullptr, nullptr,
                                                                 SOCK_CLOEXEC))));
    std::array<char, 16> buffer{};
    WRENN_CO_TRY_ASSIGN(const std::size_t count, co_await inside->read_some(buffer));
    EXPECT_EQ(std::string_view(buffer.data(), count), "ping");
    const auto relay = children_of(envd.pid());
    EXPECT_EQ(relay.size(), 1U);
    const auto carriers = relay.empty() ? relay : children_of(relay[0]);
    EXPECT_EQ(carriers.size(), 1U);
    if (carriers.empty()) co_return {};
    const auto status = base::read_file(base::concat("/proc/", carriers[0], "/status"));
    EXPECT_NE(status->find("\nUid:\t65534\t65534\t65534\t65534\n"), std::string::npos);
    co_return {};
  }

  // With the connections it carries.
  Task<Result<void>> relay_goes_with_its_port() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    base::Fd listener = listen_on("127.0.0.1", 8001);
    while (!is_reachable(8001)) WRENN_CO_TRY(co_await next(watch));
    WRENN_CO_TRY_ASSIGN(const auto outside, net::Endpoint::tcp(kGuestAddress, 8001));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(outside));
    listener.reset();
    while (ports.contains(8001)) WRENN_CO_TRY(co_await next(watch));
    WRENN_CO_TRY(co_await stream->wait_hangup());
    WRENN_CO_TRY(co_await wait_refused(8001));
    // Bound to the outside it needs none.
    listener = listen_on(kGuestAddress, 8001);
    while (!is_reachable(8001)) WRENN_CO_TRY(co_await next(watch));
    expect_port(8001, kGuestAddress, false);
    EXPECT_TRUE(children_of(envd.pid()).empty());
    co_return {};
  }

  // What is carried ends, and the port stays reachable.
  Task<Result<void>> restored() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    WRENN_CO_TRY_ASSIGN(auto server, co_await open(http_server("127.0.0.1", 8001)));
    while (!is_reachable(8001)) WRENN_CO_TRY(co_await next(watch));
    WRENN_CO_TRY_ASSIGN(const auto outside, net::Endpoint::tcp(kGuestAddress, 8001));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(outside));
    const auto early = co_await net::with_timeout(milliseconds(200), stream->wait_hangup());
    EXPECT_FALSE(early) << "ended too early";
    WRENN_CO_TRY_ASSIGN(const auto reply, co_await send("POST", "/init", R"({"restored":true})"));
    EXPECT_EQ(reply.status, 204);
    WRENN_CO_TRY(co_await net::with_timeout(std::chrono::seconds(5), stream->wait_hangup()));
    WRENN_CO_TRY_ASSIGN(const int status, co_await get_status(8001));
    EXPECT_EQ(status, 200);
    co_return {};
  }

  Task<Result<void>> many() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    std::vector<base::Fd> listeners;
    for (std::uint16_t port = 8000; port < 8070; ++port) {
      listeners.push_back(listen_on("127.0.0.1", port));
    }
    while (ports.size() < 70) WRENN_CO_TRY(co_await next(watch));
    const auto relayed =
        std::ranges::count_if(ports, [](const auto& entry) { return entry.second.relayed(); });
    EXPECT_EQ(relayed, 64);
    listeners.clear();
    while (!ports.empty()) WRENN_CO_TRY(co_await next(watch));
    co_return {};
  }

 protected:
  explicit PortsTest(const std::vector<std::string>& options = {"--relay-address", kGuestAddress})
      : EnvdTest(options) {}
  void SetUp() override {
    if (!is_inside()) GTEST_SKIP() << "a network namespace needs root";
  }

  Task<Result<WatchStream>> open_watch() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await client.stream<ports::WatchResponse>(
                                        "/ports.Ports/Watch", ports::WatchRequest()));
    WRENN_CO_TRY(co_await next(watch));
    co_return watch;
  }

  // Takes the next list; a change that never comes is an error.
  Task<Result<void>> next(WatchStream& watch) {
    WRENN_CO_TRY_ASSIGN(const auto message,
                        co_await net::with_timeout(std::chrono::seconds(20), watch.next()));
    if (!message) co_return base::fail(Code::kDataLoss, "the list of ports has ended");
    ports.clear();
    for (const ports::Port& port : message->ports()) ports[port.port()] = port;
    EXPECT_FALSE(ports.contains(envd.port()));
    co_return {};
  }

  bool is_reachable(std::uint32_t port) const {
    const auto found = ports.find(port);
    return found != ports.end() && found->second.reachable();
  }

  void expect_port(std::uint32_t number, const char* address, bool is_relayed) {
    const ports::Port& port = ports[number];
    EXPECT_EQ(port.addresses_size(), 1) << number;
    if (port.addresses_size() == 1) EXPECT_EQ(port.addresses(0), address);
    EXPECT_EQ(port.relayed(), is_relayed) << number;
  }

  // As one who comes from outside.
  Task<Result<int>> get_status(int port) {
    WRENN_CO_TRY_ASSIGN(const auto endpoint,
                        net::Endpoint::tcp(kGuestAddress, static_cast<std::uint16_t>(port)));
    net::HttpClient outside(endpoint, {});
    WRENN_CO_TRY_ASSIGN(auto response, co_await outside.send({"GET", "/", {}, ""}));
    co_return response.status();
  }

  // The relay is killed when the list changes, which is a moment before the kernel is done with it.
  Task<Result<void>> wait_refused(int port) {
    WRENN_CO_TRY_ASSIGN(const auto endpoint,
                        net::Endpoint::tcp(kGuestAddress, static_cast<std::uint16_t>(port)));
    for (int i = 0; i < 500; ++i) {
      if (!co_await net::connect(endpoint)) co_return {};
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    co_return base::fail(Code::kDeadlineExceeded, "the relay still listens");
  }

  PortMap ports;
};

TEST_F(PortsTest, RealServersAreReachedFromOutside) {
  run(&PortsTest::real_servers);
}
TEST_F(PortsTest, APortShowsWithin100Ms) {
  run(&PortsTest::quick);
}
TEST_F(PortsTest, ARelayThatDiesIsStartedAgain) {
  run(&PortsTest::relay_restarts);
}
TEST_F(PortsTest, APrivilegedPortIsRelayedToo) {
  run(&PortsTest::privileged_port);
}
TEST_F(PortsTest, ARelayGoesWithItsPort) {
  run(&PortsTest::relay_goes_with_its_port);
}
TEST_F(PortsTest, ARestoredGuestCutsWhatIsRelayed) {
  run(&PortsTest::restored);
}
TEST_F(PortsTest, RelaysAreLimited) {
  run(&PortsTest::many);
}

class NoRelaysTest : public PortsTest {
 public:
  NoRelaysTest() : PortsTest({}) {}
  Task<Result<void>> listed_only() {
    WRENN_CO_TRY_ASSIGN(auto watch, co_await open_watch());
    const base::Fd listener = listen_on("127.0.0.1", 8001);
    while (!ports.contains(8001)) WRENN_CO_TRY(co_await next(watch));
    expect_port(8001, "127.0.0.1", false);
    EXPECT_FALSE(is_reachable(8001));
    EXPECT_TRUE(children_of(envd.pid()).empty());
    co_return {};
  }
};

TEST_F(NoRelaysTest, WithoutAnAddressLoopbackStaysLoopback) {
  run(&NoRelaysTest::listed_only);
}

}  // namespace
}  // namespace wrenn::envd
