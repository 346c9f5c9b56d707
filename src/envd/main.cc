// envd: the agent inside a sandbox.
#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/log.h"
#include "envd/guest_server.h"
#include "envd/reaper.h"
#include "net/scope.h"
#include "net/signals.h"

namespace wrenn::envd {
namespace {

using base::Result;
using net::Task;

constexpr std::string_view kUsage =
    "usage: envd [--addr ADDRESS] [--port PORT] [--relay-address ADDRESS] [--version]\n"
    "The agent inside a sandbox: processes and files over HTTP. Defaults: 0.0.0.0, 49983.\n"
    "--relay-address: where ports that are bound to loopback alone are offered; default: "
    "nowhere.\n";

struct Options {
  std::string address = "0.0.0.0";
  std::uint16_t port = 49983;
  std::optional<IpAddress> relay_address;
};

Result<Options> parse_options(std::span<char*> args) {
  Options options;
  for (std::size_t i = 0; i < args.size(); i += 2) {
    const std::string_view name = args[i];
    if (i + 1 >= args.size()) {
      return base::fail(base::Code::kInvalidArgument, base::concat(name, " needs a value"));
    }
    if (name == "--addr") {
      options.address = args[i + 1];
    } else if (name == "--port") {
      const auto port = base::parse_int<std::uint16_t>(args[i + 1]);
      if (!port) return base::fail(base::Code::kInvalidArgument, "--port must be 0 to 65535");
      options.port = *port;
    } else if (name == "--relay-address") {
      options.relay_address = IpAddress::parse(args[i + 1]);
      if (!options.relay_address || !options.relay_address->is_v4()) {
        return base::fail(base::Code::kInvalidArgument, "--relay-address must be an IPv4 address");
      }
    } else {
      return base::fail(base::Code::kInvalidArgument, base::concat("unknown option ", name));
    }
  }
  return options;
}

// 0, 1 and 2 must not be given to pipes and sockets: commands get theirs there.
void keep_standard_files() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// When memory runs out, a command of the user goes and not the way to reach the sandbox.
void protect_from_oom_killer() {
  if (::geteuid() != 0) return;
  const auto fd = base::open_file("/proc/self/oom_score_adj", O_WRONLY);
  const auto written = fd ? base::write_all(fd->get(), "-1000") : base::fail(fd.error());
  if (!written)
    base::log_warn("not protected from running out of memory", {{"error", written.error()}});
}

Task<void> stop_on_signal(net::Signals& signals, net::StopSource& stop) {
  if (co_await signals.next()) stop.request_stop();
}

Task<Result<void>> run(GuestServer& guest, Options options, net::Signals& signals,
                       net::Signals* child_signals) {
  const net::Context context = co_await net::current_context();
  WRENN_CO_TRY_ASSIGN(const auto endpoint, net::Endpoint::tcp(options.address, options.port));
  WRENN_CO_TRY_ASSIGN(auto listener, net::Listener::listen(*context.loop, endpoint));
  base::log_info("listening", {{"address", options.address}, {"port", listener.port()}});

  net::StopSource stop;
  net::TaskScope scope(*context.loop);
  scope.spawn(stop_on_signal(signals, stop));
  if (child_signals != nullptr) {
    scope.spawn(reap_orphans(*child_signals, guest.processes()));
  }
  guest.ports().start({.own_port = listener.port(), .relay_address = options.relay_address});
  net::HttpServer server(guest, {.max_connections = 1024});
  co_await net::with_stop(stop.token(), server.serve(std::move(listener)));
  co_await guest.ports().stop();
  co_await guest.stop();
  scope.request_stop();
  co_await scope.join();
  co_return {};
}

Result<void> start(std::span<char*> args) {
  WRENN_TRY_ASSIGN(const Options options, parse_options(args));
  keep_standard_files();
  base::log_start("envd", base::LogLevel::kInfo);
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGTERM, SIGINT}));
  std::optional<net::Signals> child_signals;
  if (::getpid() == 1) {
    WRENN_TRY_ASSIGN(child_signals, net::Signals::create({SIGCHLD}));
  }
  net::ignore_sigpipe();
  // A second heap for the pool's one thread would only lie about half empty.
  ::mallopt(M_ARENA_MAX, 1);
  protect_from_oom_killer();
  net::Loop loop;
  GuestServer guest(loop);
  return loop.block_on(run(guest, options, signals, child_signals ? &*child_signals : nullptr));
}

}  // namespace
}  // namespace wrenn::envd

int main(int argc, char** argv) {
  const std::span<char*> args(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0));
  if (args.size() == 1 && std::string_view(args[0]) == "--version") {
    std::printf("envd %s\n", WRENN_VERSION);
    return EXIT_SUCCESS;
  }
  const auto result = wrenn::envd::start(args);
  if (result) return EXIT_SUCCESS;
  const bool is_usage = result.error().code == wrenn::base::Code::kInvalidArgument;
  std::fprintf(stderr, "envd: %s\n%s", result.error().to_string().c_str(),
               is_usage ? wrenn::envd::kUsage.data() : "");
  return EXIT_FAILURE;
}
