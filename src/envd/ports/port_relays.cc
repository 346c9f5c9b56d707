#include "envd/ports/port_relays.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using net::Task;
using std::chrono::milliseconds;

constexpr uid_t kNobody = 65534;
constexpr std::uint16_t kFirstUnprivilegedPort = 1024;
constexpr base::Duration kFirstPause = milliseconds(100);
constexpr base::Duration kLongestPause = std::chrono::seconds(10);

base::Result<Spawned> start_relay(SpawnSpec spec) {
  WRENN_TRY_ASSIGN(const base::Fd null, base::open_file("/dev/null", O_RDWR));
  spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = null.get();
  return spawn(spec);
}

// The children that carry connections are in the group, and they do not end with their parent. Only
// before it is reaped: afterwards the number may be another's.
Task<void> end_relay(const Spawned& child) {
  ::kill(-child.pid, SIGKILL);
  if (!co_await net::with_stop(net::StopToken(), net::wait_readable(child.pidfd.get()))) {
    base::log_error("the end of a relay cannot be waited for", {{"pid", child.pid}});
  }
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

// The parent of a process, or 0.
pid_t parent_of(std::string_view pid) {
  const auto stat = base::read_file(base::concat("/proc/", pid, "/stat"));
  if (!stat) return 0;  // It has ended.
  // "PID (NAME) STATE PARENT ...", and the name may hold anything.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return 0;
  const auto fields = base::split(std::string_view(*stat).substr(name_end + 1), ' ');
  constexpr std::size_t kParent = 2;  // After the space and the state.
  return fields.size() > kParent ? base::parse_int<pid_t>(fields[kParent]).value_or(0) : 0;
}

}  // namespace

SpawnSpec make_relay_spec(const IpAddress& bind_address, const RelayTarget& target, bool is_root) {
  std::string listen = base::concat("TCP4-LISTEN:", target.port, ",bind=", bind_address.to_string(),
                                    ",reuseaddr,backlog=128,fork");
  const std::string to = target.address.to_string();
  std::string connect = target.address.is_v4() ? base::concat("TCP4:", to, ":", target.port)
                                               : base::concat("TCP6:[", to, "]:", target.port);
  SpawnSpec spec;
  spec.program_candidates = {"/usr/bin/socat", "/usr/local/bin/socat", "/bin/socat"};
  spec.directory = "/";
  if (is_root && target.port < kFirstUnprivilegedPort) {
    // Only root may listen there: the children that handle the connections become nobody.
    listen += base::concat(",su=", kNobody);
  } else {
    spec.uid = is_root ? kNobody : ::geteuid();
    spec.gid = is_root ? kNobody : ::getegid();
  }
  spec.argv = {"socat", std::move(listen), std::move(connect)};
  return spec;
}

struct PortRelays::Relay {
  RelayTarget target;
  bool is_wanted = true;
  bool is_running = false;
  pid_t pid = 0;  // While it is running.
  // Ends what it is waiting for: its program's end, or the pause before the next.
  net::StopSource* wait = nullptr;
};

void PortRelays::set_targets(std::span<const RelayTarget> targets) {
  const auto interrupt = [](const Relay& relay) {
    if (relay.wait != nullptr) relay.wait->request_stop();
  };
  for (const auto& [port, relay] : relays_) {
    if (std::ranges::find(targets, port, &RelayTarget::port) != targets.end()) continue;
    relay->is_wanted = false;
    interrupt(*relay);
  }
  for (const RelayTarget& target : targets) {
    auto& relay = relays_[target.port];
    if (relay == nullptr) {
      relay = std::make_shared<Relay>(Relay{.target = target});
      scope_.spawn(keep(relay));
    } else if (!relay->is_wanted || relay->target != target) {
      // Its old program has been or is now being ended; then comes one for this target.
      relay->is_wanted = true;
      relay->target = target;
      interrupt(*relay);
    }
  }
}

std::set<std::uint16_t> PortRelays::running() const {
  std::set<std::uint16_t> ports;
  for (const auto& [port, relay] : relays_) {
    if (relay->is_running) ports.insert(port);
  }
  return ports;
}

// Each connection has a process of its own.
void PortRelays::cut_connections() {
  std::set<pid_t> programs;
  for (const auto& [port, relay] : relays_) {
    if (relay->is_running) programs.insert(relay->pid);
  }
  if (programs.empty()) return;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    const auto pid = base::parse_int<pid_t>(name);
    if (pid && programs.contains(parent_of(name))) ::kill(*pid, SIGKILL);
  }
  if (error) base::log_error("relayed connections stay", {{"error", error.message()}});
}

Task<void> PortRelays::stop() {
  scope_.request_stop();
  co_await scope_.join();
}

// From the start of one program to its end, by itself or because it is not wanted as it is.
Task<void> PortRelays::run_once(Relay& relay) {
  const net::Context context = co_await net::current_context();
  const RelayTarget target = relay.target;
  SpawnSpec spec = make_relay_spec(bind_address_, target, ::geteuid() == 0);
  spec.cgroup_fd = cgroup_fd_;
  const auto child = start_relay(std::move(spec));
  if (!child) {
    base::log_warn("a port has no relay", {{"port", target.port}, {"error", child.error()}});
    co_return;
  }
  base::log_debug("relay started", {{"port", target.port}, {"pid", child->pid}});
  relay.is_running = true;
  relay.pid = child->pid;
  const bool has_died =
      (co_await net::with_stop(context.stop, net::wait_readable(child->pidfd.get()))).has_value();
  co_await end_relay(*child);
  relay.is_running = false;
  if (!has_died) co_return;
  base::log_warn("a relay has died", {{"port", target.port}});
  on_change_();
}

Task<void> PortRelays::keep(std::shared_ptr<Relay> relay) {
  const net::Context context = co_await net::current_context();
  base::Duration pause = kFirstPause;
  while (relay->is_wanted && !context.stop.stop_requested()) {
    net::StopSource wait(context.stop);
    relay->wait = &wait;
    const auto started = base::steady_now();
    co_await net::with_stop(wait.token(), run_once(*relay));
    if (base::steady_now() - started > kLongestPause) pause = kFirstPause;
    // Not stopped: it died, and may do so again at once.
    if (co_await net::with_stop(wait.token(), net::sleep_for(pause))) {
      pause = std::min(pause * 2, kLongestPause);
    }
    relay->wait = nullptr;
  }
  relays_.erase(relay->target.port);
}

}  // namespace wrenn::envd
