// wrenn-agent: owns the sandboxes of one host.
//
//   wrenn-agent serve    answers the control plane until SIGTERM; the VMs go on afterwards
//   wrenn-agent purge    ends all sandboxes and removes all they left on the machine
//   wrenn-agent doctor   examines the machine
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "agent/control_plane_socket.h"
#include "agent/data_plane.h"
#include "agent/doctor.h"
#include "agent/host.h"
#include "agent/recovery.h"
#include "agent/sandbox_manager.h"
#include "agent/server.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/signals.h"

namespace {

using namespace wrenn;
using base::Result;

struct Options {
  std::string directory = "/var/lib/wrenn";
  std::string log_level = "info";
  int ready_fd = -1;
  proxy::GuestLimits proxy_limits;
  std::string idle_tunnels = "use";
  std::optional<std::uint64_t> reserve_mb;
  bool json = false;
};

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
  manager.abandon_uses();
  stop.request_stop();
}

net::Task<Result<void>> run(agent::Host& host, agent::DataPlane& data_plane, net::Signals& signals,
                            agent::Recovered recovered, const Options& options) {
  const net::Context context = co_await net::current_context();
  net::StopSource stop;
  agent::SandboxManager manager(*context.loop, host, data_plane);
  net::TaskScope signal_scope(*context.loop);
  signal_scope.spawn(stop_on_signal(signals, stop, manager));
  agent::Server server(manager);
  auto listener = agent::listen_for_control_plane(*context.loop, host.config.socket);
  if (listener) {
    co_await manager.adopt(std::move(recovered));
    manager.watch_lifecycles();
    const auto prepared = co_await net::with_stop(stop.token(), manager.prepare_default_template());
    if (!prepared && !stop.stop_requested()) {
      base::log_error("the default template is not ready", {{"error", prepared.error()}});
    }
    say_ready(options.ready_fd);
    base::log_info("ready", {{"socket", host.config.socket.native()}});
    co_await net::with_stop(stop.token(), server.serve(std::move(*listener)));
  }
  co_await manager.shut_down();
  signal_scope.request_stop();
  co_await signal_scope.join();
  if (!listener) co_return base::fail(std::move(listener).error());
  co_return {};
}

Result<void> serve(const Options& options) {
  WRENN_TRY(need_root());
  agent::AgentConfig config{options.directory};
  config.reserve_mb = options.reserve_mb.value_or(config.reserve_mb);
  WRENN_TRY(config.layout.create());
  WRENN_TRY_ASSIGN(const base::Fd lock, agent::lock_installation(config));
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGTERM, SIGINT}));
  net::ignore_sigpipe();
  base::log_info("starting", {{"version", WRENN_VERSION}, {"dir", config.layout.root().native()}});
  WRENN_TRY_ASSIGN(auto recovered, agent::recover(config));
  std::vector<hostnet::SlotIndex> keep;
  for (const auto& one : recovered.running) {
    keep.push_back(static_cast<hostnet::SlotIndex>(one.slot));
  }
  WRENN_TRY_ASSIGN(const auto host, agent::open_host(config, std::move(keep)));
  WRENN_TRY_ASSIGN(const auto data_plane, agent::DataPlane::start(config, options.proxy_limits));
  net::Loop loop;
  return loop.block_on(run(*host, *data_plane, signals, std::move(recovered), options));
}

Result<void> purge(const Options& options) {
  WRENN_TRY(need_root());
  const agent::AgentConfig config{options.directory};
  if (!std::filesystem::exists(config.layout.run_dir())) return {};  // Nothing ever ran.
  WRENN_TRY_ASSIGN(const base::Fd lock, agent::lock_installation(config));
  return agent::purge(config);
}

Result<void> doctor(const Options& options) {
  const auto checks = agent::examine(agent::AgentConfig{options.directory});
  const std::string text = options.json ? agent::to_json(checks) + "\n" : agent::to_text(checks);
  std::fputs(text.c_str(), stdout);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Wrenn's host agent: owns the sandboxes of one host"};
  app.set_version_flag("--version", WRENN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--dir", options.directory, "Where everything is kept")
      ->envname("WRENN_DIR")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "debug, info, warn or error")
      ->envname("LOG_LEVEL")
      ->capture_default_str();
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
  auto* purge_command =
      app.add_subcommand("purge", "End all sandboxes and remove what they left on the machine");
  auto* doctor_command = app.add_subcommand("doctor", "Examine the machine");
  doctor_command->add_flag("--json", options.json, "For programs");
  CLI11_PARSE(app, argc, argv);

  options.proxy_limits.idle_tunnels_are_use = options.idle_tunnels == "use";
  const auto level = base::log_level_from_name(options.log_level);
  base::log_start("wrenn-agent", level.value_or(base::LogLevel::kInfo));
  Result<void> result;
  if (!level) {
    result = base::fail(level.error());
  } else if (serve_command->parsed()) {
    result = serve(options);
  } else if (purge_command->parsed()) {
    result = purge(options);
  } else if (doctor_command->parsed()) {
    result = doctor(options);
  }
  if (result) return 0;
  std::fprintf(stderr, "error: %s\n", result.error().message.c_str());
  if (!result.error().remedy.empty()) {
    std::fprintf(stderr, "hint: %s\n", result.error().remedy.c_str());
  }
  return 1;
}
