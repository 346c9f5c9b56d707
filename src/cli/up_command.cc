// wrenn up: everything on one machine.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/api_url.h"
#include "cli/install_config.h"
#include "cli/launcher.h"
#include "cli/log_tail.h"
#include "cli/probe.h"
#include "cli/programs.h"
#include "cli/proxy_listen.h"
#include "cli/services.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kDefaultListen = "127.0.0.1:8080";
constexpr base::Duration kProbe = std::chrono::seconds(5);

struct UpOptions {
  bool detach = false;
  std::string listen;
  std::string proxy_listen;
  std::string dir;
};

constexpr const char* kFirstUser = "admin@localhost";

struct Running {
  base::ProcessIdentity agent;
  base::ProcessIdentity control;
  SavedServer server;
  bool was_running = true;
  base::Secret first_password;  // Of the first user, when it was made just now.
};

// An address given now, else the one it had before, else the usual one.
base::Result<std::string> choose_listen(const UpOptions& options, const ServerDir& dir,
                                        const SavedServer& saved) {
  std::string listen = options.listen.empty() ? saved.listen : options.listen;
  if (listen.empty()) listen = kDefaultListen;
  const bool moves = !options.listen.empty() && listen != saved.listen;
  if (moves && dir.running(Part::kControl)) {
    return base::fail(base::Code::kFailedPrecondition,
                      base::concat("Wrenn runs already, at ", saved.listen),
                      "stop it with `wrenn down` to start it at another address");
  }
  WRENN_TRY(url_of_listener(listen));
  return listen;
}

base::Result<void> check_proxy_stays(const UpOptions& options, const ServerDir& dir,
                                     const SavedServer& saved) {
  const bool moves = !options.proxy_listen.empty() && options.proxy_listen != saved.proxy_listen;
  if (!moves || !dir.running(Part::kControl)) return {};
  return base::fail(base::Code::kFailedPrecondition,
                    base::concat("Wrenn runs already, its proxy at ",
                                 saved.proxy_listen.empty() ? "no address" : saved.proxy_listen),
                    "stop it with `wrenn down` to start it at another address");
}

// A server that was just started, or just killed, gets a moment to show which of the two it is.
base::Result<KeyState> probe_patiently(const ServerDir& dir, const Settings& settings) {
  const base::SteadyTime deadline = base::steady_now() + kProbe;
  while (true) {
    auto state = probe_key(settings, kProbe);
    const bool may_come = dir.running(Part::kControl) && base::steady_now() < deadline;
    if (state || !may_come) return state;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// The saved key if the server still knows it, else a new one; and then, if there is none either, a
// first user.
base::Result<void> ensure_key(Launcher& launcher, const ServerDir& dir, Running& running) {
  SavedServer& server = running.server;
  if (!server.settings.api_key.empty()) {
    WRENN_TRY_ASSIGN(const KeyState state, probe_patiently(dir, server.settings));
    if (state == KeyState::kAccepted) return {};
  }
  WRENN_TRY_ASSIGN(server.settings.api_key, launcher.create_key());
  WRENN_TRY(dir.save(server));
  WRENN_TRY_ASSIGN(running.first_password, launcher.create_first_user(kFirstUser));
  return {};
}

base::Result<void> start_missing(const UpOptions& options, const ServerDir& dir, Launcher& launcher,
                                 Running& running) {
  const auto agent = dir.running(Part::kAgent);
  const auto control = dir.running(Part::kControl);
  running.was_running = running.was_running && agent && control;
  if (agent) {
    running.agent = *agent;
  } else {
    WRENN_TRY_ASSIGN(running.agent, launcher.start_agent());
  }
  if (control) {
    running.control = *control;
  } else {
    SavedServer& server = running.server;
    WRENN_TRY_ASSIGN(server.proxy_listen,
                     choose_proxy_listen(options.proxy_listen, server.proxy_listen, server.listen));
    WRENN_TRY_ASSIGN(running.control, launcher.start_control(server.listen, server.proxy_listen));
  }
  // An address that works is remembered, even if the next step fails.
  return dir.save(running.server);
}

base::Result<Running> start_all(const UpOptions& options, const ServerDir& dir,
                                Launcher& launcher) {
  Running running;
  running.server = dir.saved();
  WRENN_TRY(check_proxy_stays(options, dir, running.server));
  WRENN_TRY_ASSIGN(running.server.listen, choose_listen(options, dir, running.server));
  WRENN_TRY_ASSIGN(running.server.settings.api_url, url_of_listener(running.server.listen));
  // Again, because a process that was killed a moment ago still looks alive the first time.
  for (int round = 0; round < 3; ++round) {
    WRENN_TRY(start_missing(options, dir, launcher, running));
    const auto key = ensure_key(launcher, dir, running);
    if (!dir.running(Part::kAgent) || !dir.running(Part::kControl)) continue;
    if (!key) return base::fail(key.error());
    return running;
  }
  return base::fail(base::Code::kUnavailable, "Wrenn ends again as soon as it has started",
                    base::concat("the logs are ", dir.log(Part::kAgent).native(), " and ",
                                 dir.log(Part::kControl).native()));
}

// How people reach the ports of sandboxes; empty for a control plane from before there was a proxy.
std::string proxy_url(const Environment& environment, const SavedServer& server) {
  if (auto url = environment("WRENN_PROXY_URL")) return *url;
  return url_of_listener(server.proxy_listen).value_or("");
}

void greet(const Console& console, const Running& running, const std::string& proxy_url) {
  const Paint& paint = console.err_paint;
  const std::string url = paint.bold(running.server.settings.api_url);
  if (running.was_running) {
    console.say(base::concat("Wrenn is already running at ", url));
    return;
  }
  console.say(base::concat("Wrenn is running at ", url));
  console.say(base::concat("Ports of sandboxes are at ", paint.bold(proxy_url)));
  console.say(
      base::concat("  create a sandbox   id=$(wrenn sandbox create)\n"
                   "  run something      wrenn sandbox exec $id -- uname -a\n"
                   "  reach a port       wrenn sandbox url $id 3000\n"
                   "  stop everything    wrenn down"));
  if (running.first_password.empty()) return;
  console.say(base::concat("The first user is ", paint.bold(kFirstUser), ", the password ",
                           paint.bold(running.first_password.reveal())));
  console.say(base::concat("  With these one logs in to the dashboard, ", url, "/ in a browser."));
  console.say(base::concat("  It is shown this once; `wrenn-cp user password ", kFirstUser,
                           "` makes another one."));
}

// Copies the logs to the terminal until a process dies or the user has enough.
class Supervisor {
 public:
  Supervisor(const Session& session, const ServerDir& dir, const Interrupts& interrupts)
      : session_(session),
        dir_(dir),
        interrupts_(interrupts),
        agent_log_(dir.log(Part::kAgent)),
        control_log_(dir.log(Part::kControl)) {}

  base::Result<int> run(const Running& running) {
    auto agent = base::open_pidfd(running.agent);
    auto control = base::open_pidfd(running.control);
    if (!agent) return on_death(Part::kAgent);
    if (!control) return on_death(Part::kControl);
    std::array<pollfd, 3> polls{
        {{interrupts_.fd(), POLLIN, 0}, {agent->get(), POLLIN, 0}, {control->get(), POLLIN, 0}}};
    while (true) {
      show_logs();
      if (::poll(polls.data(), polls.size(), 200) <= 0) continue;
      if (polls[0].revents != 0) return on_interrupt();
      if (polls[1].revents != 0) return on_death(Part::kAgent);
      if (polls[2].revents != 0) return on_death(Part::kControl);
    }
  }

 private:
  void show_logs() {
    const Console& console = session_.console;
    const auto show = [&](std::string_view name, std::string_view line) {
      console.say(base::concat(console.err_paint.dim(name), ' ', line));
    };
    agent_log_.poll([&](std::string_view line) { show("agent  |", line); });
    control_log_.poll([&](std::string_view line) { show("control|", line); });
  }

  base::Result<void> stop_both() {
    WRENN_TRY(stop(dir_, Part::kControl, std::chrono::seconds(10)));
    WRENN_TRY(stop(dir_, Part::kAgent, std::chrono::seconds(20)));
    return {};
  }

  base::Result<int> on_interrupt() {
    WRENN_TRY_ASSIGN(const ServerLock lock, ServerLock::take(dir_));
    WRENN_TRY(stop_both());
    show_logs();
    session_.console.say(
        "Stopped. Sandboxes go on living: `wrenn up` finds them again, `wrenn down` removes them.");
    return 0;
  }

  base::Result<int> on_death(Part part) {
    show_logs();
    auto lock = ServerLock::take(dir_);
    if (!lock) {
      session_.console.say("Stopped by another `wrenn` command.");
      return 0;
    }
    WRENN_TRY(stop_both());
    const char* name = part == Part::kAgent ? "host agent" : "control plane";
    return base::fail(base::Code::kUnavailable, base::concat("the ", name, " has ended"),
                      base::concat("its log is ", dir_.log(part).native(),
                                   "; `wrenn up` starts it again and finds the sandboxes"));
  }

  const Session& session_;
  const ServerDir& dir_;
  const Interrupts& interrupts_;
  LogTail agent_log_;
  LogTail control_log_;
};

base::Result<int> up(Session& session, const UpOptions& options) {
  if (::geteuid() != 0) {
    return base::fail(base::Code::kPermissionDenied,
                      "creating network namespaces and cgroups needs root", "run `sudo wrenn up`");
  }
  WRENN_TRY_ASSIGN(const ServerDir dir, ServerDir::locate(options.dir, session.environment));
  WRENN_TRY(refuse_beside_services(dir));
  Programs programs;
  WRENN_TRY_ASSIGN(programs.agent, find_program("wrenn-agent"));
  WRENN_TRY_ASSIGN(programs.control, find_program("wrenn-cp"));
  WRENN_TRY(dir.make());
  WRENN_TRY_ASSIGN(ServerLock lock, ServerLock::take(dir));
  WRENN_TRY_ASSIGN(const Interrupts interrupts, Interrupts::create());
  Launcher launcher(dir, programs, session.console, interrupts);
  auto running = start_all(options, dir, launcher);
  if (!running) {
    if (running.error().code != base::Code::kCanceled) return base::fail(running.error());
    session.console.say("Interrupted. `wrenn down` removes what was started.");
    return kInterrupted;
  }
  WRENN_TRY(install_config(session.flags, session.environment, running->server.settings,
                           session.console));
  greet(session.console, *running, proxy_url(session.environment, running->server));
  lock.release();
  if (options.detach || running->was_running) return 0;
  session.console.say("Ctrl-C stops it; the logs follow.");
  return Supervisor(session, dir, interrupts).run(*running);
}

}  // namespace

void add_up_command(CLI::App& app, Session& session) {
  auto* command = app.add_subcommand("up", "Start Wrenn on this machine (as root)");
  auto options = std::make_shared<UpOptions>();
  command->add_flag("-d,--detach", options->detach, "Return once it runs");
  command->add_option("--listen", options->listen,
                      "Address of the API (default 127.0.0.1:8080, or what it was before)");
  command->add_option("--proxy-listen", options->proxy_listen,
                      "Address of the proxy to ports of sandboxes (default: the next free port\n"
                      "after the API's, or what it was before)");
  command->add_option("--dir", options->dir,
                      "Where it keeps everything (default $WRENN_DIR or /var/lib/wrenn)");
  command->callback([&session, options] {
    session.action = [&session, options] { return up(session, *options); };
  });
}

}  // namespace wrenn::cli
