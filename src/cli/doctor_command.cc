// wrenn doctor: what works on this machine, what does not, and what to do about it.
#include <unistd.h>

#include <memory>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cli/api_url.h"
#include "cli/check.h"
#include "cli/probe.h"
#include "cli/programs.h"
#include "cli/server_dir.h"
#include "cli/services.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

constexpr base::Duration kProbe = std::chrono::seconds(5);
// It may boot a guest to see whether the accelerator works.
constexpr base::Duration kAgentChecks = std::chrono::minutes(3);

class Doctor {
 public:
  Doctor(const Session& session, ServerDir dir) : session_(session), dir_(std::move(dir)) {}

  std::vector<Check> run() {
    const auto agent = check_program("wrenn-agent");
    check_program("wrenn-cp");
    if (agent) check_host(*agent);
    check_processes();
    check_api();
    return std::move(checks_);
  }

 private:
  void ok(std::string name, std::string detail) {
    checks_.push_back({std::move(name), Verdict::kOk, std::move(detail), ""});
  }
  void add(std::string name, Verdict verdict, const base::Error& error) {
    checks_.push_back({std::move(name), verdict, error.message, error.remedy});
  }

  std::optional<base::Path> check_program(const char* name) {
    auto path = find_program(name);
    if (!path) {
      add(name, Verdict::kFail, path.error());
      return std::nullopt;
    }
    ok(name, path->native());
    return *path;
  }

  base::Result<std::vector<Check>> ask_agent(const base::Path& agent) {
    base::JailSpec spec;
    spec.argv = {agent.native(), "doctor", "--json", "--dir", dir_.root().native()};
    spec.env = child_environment();
    spec.root = base::JailRoot::kHost;
    spec.new_session = false;
    WRENN_TRY_ASSIGN(const Captured captured,
                     capture(std::move(spec), STDERR_FILENO, kAgentChecks));
    auto checks = parse_checks(captured.output);
    if (!checks) {
      return base::fail(base::Code::kInternal,
                        base::concat("wrenn-agent doctor ", describe(captured.status)),
                        base::concat("run `", agent.native(), " doctor` to see why"));
    }
    return checks;
  }

  void check_host(const base::Path& agent) {
    auto checks = ask_agent(agent);
    if (!checks) return add("this machine", Verdict::kFail, checks.error());
    for (auto& check : *checks) checks_.push_back(std::move(check));
  }

  void check_processes() {
    if (::geteuid() != 0) return;  // Only root may look into the directory.
    bool is_installed = false;
    for (const auto& [part, name] :
         {std::pair(Part::kAgent, "host agent"), std::pair(Part::kControl, "control plane")}) {
      const ServiceState service = service_state(part);
      is_installed |= service.is_installed;
      check_part(part, name, service);
    }
    if (is_installed) {
      checks_.push_back(check_control_user());
      for (auto& check : check_settings_files("/etc/wrenn")) checks_.push_back(std::move(check));
    }
    const SavedServer saved = dir_.saved();
    check_listen("listen address", "--listen", saved.listen);
    check_listen("proxy address", "--proxy-listen", saved.proxy_listen);
  }

  void check_part(Part part, const char* name, const ServiceState& service) {
    const std::string unit(service_name(part));
    if (service.is_active && service.starts_at_boot) {
      return ok(name, base::concat("runs as ", unit, ", also after a restart of the machine"));
    }
    if (service.is_active) {
      return add(name, Verdict::kWarn,
                 {base::Code::kUnavailable,
                  base::concat("runs as ", unit, ", until the machine is restarted"),
                  base::concat("systemctl enable ", unit)});
    }
    if (const auto process = dir_.running(part)) {
      return ok(name, base::concat("runs as process ", process->pid));
    }
    add(name, Verdict::kWarn,
        {base::Code::kUnavailable, "not running",
         service.is_installed ? base::concat("systemctl enable --now ", unit)
                              : std::string("`wrenn up` starts it")});
  }

  void check_listen(const std::string& name, std::string_view option, const std::string& listen) {
    if (listen.empty()) return;
    const auto url = url_of_listener(listen);
    const auto parsed = url ? ApiUrl::parse(*url) : base::fail(url.error());
    if (!parsed) return add(name, Verdict::kFail, parsed.error());
    if (parsed->is_loopback() && *url == base::concat("http://", listen)) {
      return ok(name, listen + ", for this machine only");
    }
    add(name, Verdict::kWarn,
        {base::Code::kUnknown, listen + ": the network reaches it, and it does not encrypt",
         base::concat("put a TLS proxy in front of it, or use `wrenn up ", option,
                      " 127.0.0.1:PORT`")});
  }

  // An API that was never started is no defect; one that should answer and does not is.
  Verdict unreachable_verdict(const Settings& settings) const {
    const auto url = ApiUrl::parse(settings.api_url);
    const bool is_elsewhere = url && !url->is_loopback();
    const bool should_run = ::geteuid() == 0 && dir_.running(Part::kControl);
    return !url || is_elsewhere || should_run ? Verdict::kFail : Verdict::kWarn;
  }

  void check_api() {
    auto settings = load_settings(session_.flags, session_.environment);
    if (!settings) return add("configuration", Verdict::kWarn, settings.error());
    ok("configuration", settings->api_url);
    const auto version = probe_health(*settings, kProbe);
    if (!version) return add("API", unreachable_verdict(*settings), version.error());
    ok("API", base::concat("answers, version ", *version));
    const auto key = probe_key(*settings, kProbe);
    if (!key) return add("API key", Verdict::kFail, key.error());
    if (*key == KeyState::kAccepted) return ok("API key", "accepted");
    add("API key", Verdict::kFail,
        {base::Code::kUnauthenticated, "refused",
         "`sudo wrenn up` makes a new one for a Wrenn on this machine; else ask who runs it"});
  }

  const Session& session_;
  const ServerDir dir_;
  std::vector<Check> checks_;
};

base::Result<int> doctor(const Session& session, const std::string& dir_flag, Form form) {
  WRENN_TRY_ASSIGN(ServerDir dir, ServerDir::locate(dir_flag, session.environment));
  const auto checks = Doctor(session, std::move(dir)).run();
  const Console& console = session.console;
  if (form == Form::kJson) {
    WRENN_TRY(console.out_json(checks_json(checks)));
  } else {
    WRENN_TRY(console.out(checks_text(checks, console.out_paint)));
  }
  return any_failed(checks) ? kFailed : 0;
}

}  // namespace

void add_doctor_command(CLI::App& app, Session& session) {
  auto* command = app.add_subcommand("doctor", "Say what works here, what does not, and why");
  auto dir = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command->add_option("--dir", *dir,
                      "Where Wrenn keeps everything (default $WRENN_DIR or /var/lib/wrenn)");
  command->add_flag("--json", *json, "Print the checks as JSON");
  command->callback([&session, dir, json] {
    session.action = [&session, dir, json] {
      return doctor(session, *dir, *json ? Form::kJson : Form::kText);
    };
  });
}

}  // namespace wrenn::cli
