// wrenn down: stops everything on this machine and removes every sandbox.
#include <unistd.h>

#include <memory>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cli/launcher.h"
#include "cli/programs.h"
#include "cli/progress.h"
#include "cli/services.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

base::Result<void> stop_part(const Session& session, const ServerDir& dir, Part part,
                             std::string_view name, base::Duration patience) {
  WRENN_TRY_ASSIGN(const bool stopped, stop(dir, part, patience));
  session.console.say(base::concat(stopped ? "Stopped the " : "Not running: the ", name));
  return {};
}

base::Result<int> down(const Session& session, const std::string& dir_flag) {
  if (::geteuid() != 0) {
    return base::fail(base::Code::kPermissionDenied,
                      "removing network namespaces and cgroups needs root",
                      "run `sudo wrenn down`");
  }
  WRENN_TRY_ASSIGN(const ServerDir dir, ServerDir::locate(dir_flag, session.environment));
  std::error_code ignored;
  if (!std::filesystem::is_directory(dir.run(), ignored)) {
    session.console.say(base::concat("Nothing to stop: Wrenn never ran in ", dir.root().native()));
    return 0;
  }
  WRENN_TRY(refuse_beside_services(dir));
  WRENN_TRY_ASSIGN(const base::Path agent, find_program("wrenn-agent"));
  WRENN_TRY_ASSIGN(const ServerLock lock, ServerLock::take(dir));
  WRENN_TRY(stop_part(session, dir, Part::kControl, "control plane", std::chrono::seconds(10)));
  WRENN_TRY(stop_part(session, dir, Part::kAgent, "host agent", std::chrono::seconds(20)));
  WRENN_TRY_ASSIGN(const base::ExitStatus status,
                   run_program({agent.native(), "purge", "--dir", dir.root().native()}));
  if (status.signal != 0 || status.code != 0) {
    return base::fail(
        base::Code::kInternal,
        base::concat("not everything could be removed: wrenn-agent purge ", describe(status)),
        "`wrenn down` may be run again at any time");
  }
  session.console.say(base::concat(
      "Removed every sandbox. Templates, images and the database stay in ", dir.root().native()));
  return 0;
}

}  // namespace

void add_down_command(CLI::App& app, Session& session) {
  auto* command = app.add_subcommand("down", "Stop Wrenn and remove every sandbox (as root)");
  auto dir = std::make_shared<std::string>();
  command->add_option("--dir", *dir,
                      "Where it keeps everything (default $WRENN_DIR or /var/lib/wrenn)");
  command->callback(
      [&session, dir] { session.action = [&session, dir] { return down(session, *dir); }; });
}

}  // namespace wrenn::cli
