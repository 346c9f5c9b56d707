// envd: the agent inside a sandbox.
#include <fcntl.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/log.h"
#include "envd/guest_server.h"
#include "envd/process/reaper.h"
#include "net/scope.h"
#include "net/signals.h"

namespace wrenn::envd {
namespace {

using base::Result;
using net::Task;

constexpr std::string_view kUsage =
    "usage: envd [--addr ADDRESS] [--port PORT] [--relay-address ADDRESS]\n"
    "            [--cgroup-root DIR | --no-cgroups] [--version]\n"
    "The agent inside a sandbox: processes and files over HTTP. Defaults: 0.0.0.0, 49983,\n"
    "/sys/fs/cgroup. --relay-address: where ports that are bound to loopback alone are offered;\n"
    "default: nowhere.\n";

struct Options {
  std::string address = "0.0.0.0";
  std::uint16_t port = 49983;
  std::optional<IpAddress> relay_address;
  std::string cgroup_root = "/sys/fs/cgroup";  // Empty: no cgroups.
};

Result<Options> parse_options(std::span<char*> args) {
  Options options;
  for (std::size_t i = 0; i < args.size(); i += 2) {
    const std::string_view name = args[i];
    if (name == "--no-cgroups") {
      options.cgroup_root.clear();
      --i;  // It has no value.
      continue;
    }
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
    } else if (name == "--cgroup-root") {
      options.cgroup_root = args[i + 1];
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

// Every command needs a few descriptors. The soft limit that commands get: the one that was given.
rlim_t raise_open_files() {
  constexpr rlim_t kWanted = 1u << 17;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t given = limit.rlim_cur;
  limit.rlim_cur = std::max(limit.rlim_cur, kWanted);
  limit.rlim_max = std::max(limit.rlim_max, kWanted);
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) return given;
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? given : 0;
}

std::string_view variable_or(const char* name, std::string_view fallback) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : value;
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
  guest.ports().start({.own_port = listener.port(), .relay_address = options.relay_address},
                      guest.cgroups().fd(CgroupKind::kRelay));
  // Each command that somebody follows has one.
  net::HttpServer server(guest, {.max_connections = 12'000});
  guest.serve_for(server);
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
  WRENN_TRY(
      base::log_start("envd", variable_or("LOG_LEVEL", "info"), variable_or("LOG_FORMAT", "text")));
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
  GuestCgroups cgroups =
      options.cgroup_root.empty() ? GuestCgroups() : GuestCgroups::create(options.cgroup_root);
  ProcessLimits limits = ProcessLimits::for_this_machine();
  limits.open_files = raise_open_files();
  GuestServer guest(loop, std::move(cgroups), limits);
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
