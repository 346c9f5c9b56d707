// wrenn-agent: owns the sandboxes of one host.
//
//   wrenn-agent serve    answers the control plane until SIGTERM; the VMs go on afterwards
//   wrenn-agent purge    ends all sandboxes and removes all they left on the machine
//   wrenn-agent doctor   examines the machine
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "agent/control_plane_socket.h"
#include "agent/data_plane.h"
#include "agent/doctor.h"
#include "agent/host.h"
#include "agent/metrics_report.h"
#include "agent/recovery.h"
#include "agent/registration.h"
#include "agent/remote_access.h"
#include "agent/sandbox_manager.h"
#include "agent/server.h"
#include "base/log.h"
#include "base/service_notify.h"
#include "base/strings.h"
#include "net/signals.h"

namespace {

using namespace wrenn;
using base::Result;

struct Options {
  std::string directory = "/var/lib/wrenn";
  std::string log_level = "info";
  std::string log_format = "text";
  int ready_fd = -1;
  proxy::GuestLimits proxy_limits;
  std::string idle_tunnels = "use";
  std::optional<std::uint64_t> reserve_mb;
  std::uint64_t memory_overcommit = agent::kMemoryOvercommit;
  std::string metrics_listen;
  std::string registration_token;
  agent::RemoteOptions remote;
  std::string hypervisor = "auto";
  std::string firecracker = agent::HypervisorWish().firecracker;
  bool huge_pages = false;
  std::string storage = "auto";
  bool json = false;
};

agent::HypervisorWish wish_of(const Options& options) {
  agent::HypervisorWish wish;
  if (options.hypervisor == "qemu") wish.kind = agent::HypervisorKind::kQemu;
  if (options.hypervisor == "firecracker") wish.kind = agent::HypervisorKind::kFirecracker;
  wish.firecracker = options.firecracker;
  wish.huge_pages = options.huge_pages;
  return wish;
}

Result<void> need_root() {
  if (::geteuid() == 0) return {};
  return base::fail(base::Code::kPermissionDenied,
                    "wrenn-agent makes network namespaces, cgroups and jails, which needs root",
                    "run it with sudo");
}

void say_ready(int fd) {
  if (fd < 0) return;
  const base::Fd owned(fd);
  if (auto said = base::write_all(fd, "ready\n"); !said) {
    base::log_warn("nobody waits for the agent any more", {{"error", said.error()}});
  }
}

net::Task<void> stop_on_signal(net::Signals& signals, net::StopSource& stop,
                               agent::SandboxManager& manager) {
  const auto signal = co_await signals.next();
  if (!signal) co_return;
  base::log_info("stopping; the sandboxes go on", {{"signal", *signal}});
  base::tell_service_manager(base::kServiceStopping);
  manager.abandon_uses();
  stop.request_stop();
}

// The listener of a registered host, and what it tells its control plane, until stopped.
net::Task<Result<void>> serve_remote(net::TaskScope& scope, agent::Server& server,
                                     agent::RemoteHost& remote, agent::Heartbeats& heartbeats) {
  WRENN_CO_TRY_ASSIGN(auto listener, net::Listener::listen(scope.loop(), remote.agent.listen));
  scope.spawn(server.serve_remote(std::move(listener), remote.security));
  scope.spawn(heartbeats.run());
  base::log_info("ready", {{"address", remote.addresses.agent}});
  co_return {};
}

net::Task<Result<void>> run(agent::Host& host, agent::DataPlane& data_plane, net::Signals& signals,
                            agent::Recovered recovered, std::optional<agent::RemoteHost> remote,
                            const Options& options) {
  const net::Context context = co_await net::current_context();
  net::StopSource stop;
  agent::SandboxManager manager(*context.loop, host, data_plane);
  net::TaskScope signal_scope(*context.loop);
  signal_scope.spawn(stop_on_signal(signals, stop, manager));
  agent::MetricsReport report(host, manager, data_plane);
  agent::Server server(manager, report);
  net::BlockingPool heartbeat_pool(1);
  std::optional<agent::Heartbeats> heartbeats;
  if (remote) {
    heartbeats.emplace(heartbeat_pool, remote->control_plane, remote->credentials,
                       remote->addresses, host.config.layout.root(), remote->security);
  }
  Result<void> reachable;
  net::TaskScope remote_scope(*context.loop, stop.token());
  auto metrics =
      net::MetricsServer::start(*context.loop, net::metrics_listen(options.metrics_listen), report);
  auto listener = metrics ? agent::listen_for_control_plane(*context.loop, host.config.socket)
                          : base::fail(std::move(metrics).error());
  if (listener) {
    if (*metrics) signal_scope.spawn((*metrics)->serve());
    co_await manager.adopt(std::move(recovered));
    manager.watch_lifecycles();
    const auto prepared = co_await net::with_stop(stop.token(), manager.prepare_default_template());
    if (!prepared && !stop.stop_requested()) {
      base::log_error("the default template is not ready", {{"error", prepared.error()}});
    }
    if (remote) reachable = co_await serve_remote(remote_scope, server, *remote, *heartbeats);
    if (!reachable) stop.request_stop();
    say_ready(options.ready_fd);
    base::tell_service_manager(base::kServiceReady);
    base::log_info("ready", {{"socket", host.config.socket.native()}});
    co_await net::with_stop(stop.token(), server.serve(std::move(*listener)));
  }
  remote_scope.request_stop();
  co_await remote_scope.join();
  co_await manager.shut_down();
  signal_scope.request_stop();
  co_await signal_scope.join();
  if (!listener) co_return base::fail(std::move(listener).error());
  co_return reachable;
}

Result<void> serve(const Options& options) {
  WRENN_TRY(need_root());
  agent::AgentConfig config{options.directory};
  config.reserve_mb = options.reserve_mb.value_or(config.reserve_mb);
  config.memory_overcommit = options.memory_overcommit;
  config.hypervisor = wish_of(options);
  config.storage = storage::backend_from_name(options.storage);
  WRENN_TRY(config.layout.create());
  WRENN_TRY_ASSIGN(const base::Fd lock, agent::lock_installation(config));
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGTERM, SIGINT}));
  net::ignore_sigpipe();
  base::log_info("starting", {{"version", WRENN_VERSION}, {"dir", config.layout.root().native()}});
  WRENN_TRY_ASSIGN(auto remote, agent::open_remote_access(options.remote, config.layout.root()));
  WRENN_TRY_ASSIGN(auto recovered, agent::recover(config));
  agent::RunningVms running;
  for (const auto& one : recovered.running) {
    running.slots.push_back(static_cast<hostnet::SlotIndex>(one.slot));
    running.hypervisors.insert(one.hypervisor);
  }
  WRENN_TRY_ASSIGN(const auto host, agent::open_host(config, std::move(running)));
  WRENN_TRY_ASSIGN(const auto data_plane,
                   agent::DataPlane::start(config, options.proxy_limits,
                                           remote ? std::optional(remote->proxy)
                                                  : std::optional<agent::RemoteAccess>()));
  net::Loop loop;
  return loop.block_on(
      run(*host, *data_plane, signals, std::move(recovered), std::move(remote), options));
}

Result<void> purge(const Options& options) {
  WRENN_TRY(need_root());
  const agent::AgentConfig config{options.directory};
  if (!std::filesystem::exists(config.layout.run_dir())) return {};  // Nothing ever ran.
  WRENN_TRY_ASSIGN(const base::Fd lock, agent::lock_installation(config));
  return agent::purge(config);
}

Result<void> doctor(const Options& options) {
  agent::AgentConfig config{options.directory};
  config.hypervisor = wish_of(options);
  config.storage = storage::backend_from_name(options.storage);
  const auto checks = agent::examine(config);
  const std::string text = options.json ? agent::to_json(checks) + "\n" : agent::to_text(checks);
  std::fputs(text.c_str(), stdout);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  // Maps of guests' memory are a MiB and more, on many threads: they go back to the system when
  // they are freed, rather than to whichever thread asked for them.
  constexpr int kLarge = 128 << 10;
  ::mallopt(M_MMAP_THRESHOLD, kLarge);
  Options options;
  CLI::App app{"Wrenn's host agent: owns the sandboxes of one host"};
  app.set_version_flag("--version", WRENN_VERSION);
  app.require_subcommand(0, 1);  // Without any: serve.
  app.fallthrough();
  app.add_option("--dir", options.directory, "Where everything is kept")
      ->envname("WRENN_DIR")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "debug, info, warn or error")
      ->envname("LOG_LEVEL")
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "text, or json: one object a line")
      ->envname("LOG_FORMAT")
      ->capture_default_str();
  app.add_option("--hypervisor", options.hypervisor,
                 "What sandboxes run under: qemu, firecracker, or auto, the best that works here")
      ->envname("WRENN_HYPERVISOR")
      ->check(CLI::IsMember({"auto", "qemu", "firecracker"}))
      ->capture_default_str();
  app.add_option("--firecracker", options.firecracker, "Where Firecracker's program is")
      ->envname("WRENN_FIRECRACKER_BIN")
      ->capture_default_str();
  app.add_flag("--huge-pages", options.huge_pages,
               "With Firecracker: guests have pages of 2 MiB, which the host must set aside")
      ->envname("WRENN_HUGE_PAGES");
  app.add_option("--storage", options.storage,
                 "How disks share what is the same: reflink, qcow2-overlay, dm-snapshot, or auto, "
                 "the best that works here")
      ->envname("WRENN_STORAGE")
      ->check(CLI::IsMember({"auto", "reflink", "qcow2-overlay", "dm-snapshot"}))
      ->capture_default_str();
  app.add_option("--register", options.registration_token,
                 "Token to register with; needed at the first start only. Everybody sees "
                 "arguments: the variable is better")
      ->envname("WRENN_REGISTRATION_TOKEN");
  app.add_option("--address", options.remote.address,
                 "IP:PORT at which a control plane on another machine calls this host")
      ->envname("WRENN_HOST_ADDRESS");
  app.add_option("--proxy-address", options.remote.proxy_address,
                 "IP:PORT to which it sends traffic for ports of sandboxes [the next port]")
      ->envname("WRENN_HOST_PROXY_ADDRESS");
  app.add_option("--listen-ip", options.remote.listen_ip,
                 "IP to listen at [that of the address]; another one behind a NAT")
      ->envname("WRENN_HOST_LISTEN_IP");
  app.add_option("--control-plane", options.remote.control_plane,
                 "URL of the control plane's API [that of the registration]")
      ->envname("WRENN_CP_URL");
  auto* serve_command = app.add_subcommand("serve", "Answer the control plane until SIGTERM");
  serve_command->add_option("--ready-fd", options.ready_fd,
                            "Descriptor that gets the line 'ready' once sandboxes can be made");
  serve_command
      ->add_option("--proxy-max-open", options.proxy_limits.max_open,
                   "Requests and tunnels that the proxy keeps open to one sandbox at once")
      ->envname("WRENN_PROXY_MAX_OPEN")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  serve_command
      ->add_option("--idle-tunnels", options.idle_tunnels,
                   "Whether an open WebSocket keeps its sandbox awake while no byte moves: use or "
                   "ignore")
      ->envname("WRENN_IDLE_TUNNELS")
      ->check(CLI::IsMember({"use", "ignore"}))
      ->capture_default_str();
  serve_command
      ->add_option("--reserve-memory", options.reserve_mb,
                   "Memory in MiB that sandboxes must leave to the machine: with less than that "
                   "free none starts, and those that nobody uses are paused (default 256)")
      ->envname("WRENN_RESERVE_MEMORY_MB");
  serve_command
      ->add_option("--memory-overcommit", options.memory_overcommit,
                   "How many times the machine's memory is promised to sandboxes that run")
      ->envname("WRENN_MEMORY_OVERCOMMIT")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  serve_command
      ->add_option("--metrics-listen", options.metrics_listen,
                   "Address of GET /metrics for Prometheus, e.g. 127.0.0.1:9181 [none]; one that "
                   "others reach needs WRENN_METRICS_TOKEN")
      ->envname("WRENN_AGENT_METRICS_LISTEN_ADDR");
  auto* purge_command =
      app.add_subcommand("purge", "End all sandboxes and remove what they left on the machine");
  auto* doctor_command = app.add_subcommand("doctor", "Examine the machine");
  doctor_command->add_flag("--json", options.json, "For programs");
  CLI11_PARSE(app, argc, argv);

  options.remote.token = base::Secret(options.registration_token);
  options.proxy_limits.idle_tunnels_are_use = options.idle_tunnels == "use";
  Result<void> result = base::log_start("wrenn-agent", options.log_level, options.log_format);
  if (!result) {
    // Said below.
  } else if (serve_command->parsed()) {
    result = serve(options);
  } else if (purge_command->parsed()) {
    result = purge(options);
  } else if (doctor_command->parsed()) {
    result = doctor(options);
  } else {
    result = serve(options);
  }
  if (result) return 0;
  std::fprintf(stderr, "error: %s\n", result.error().message.c_str());
  if (!result.error().remedy.empty()) {
    std::fprintf(stderr, "hint: %s\n", result.error().remedy.c_str());
  }
  return 1;
}
