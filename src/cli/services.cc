#include "cli/services.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"
#include "cli/programs.h"

namespace wrenn::cli {
namespace {

using base::concat;

constexpr base::Duration kPatience = std::chrono::seconds(10);
// What the units serve.
constexpr std::string_view kServedDirectory = "/var/lib/wrenn";
constexpr const char* kControlUserName = "wrenn";

bool is_there(const base::Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Check check_settings_file(const base::Path& file) {
  const std::string name = concat("settings ", file.filename().native());
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) {
    return {name, Verdict::kFail, concat(file.native(), " is missing, so the service cannot start"),
            "bring it back from the package, or make an empty one"};
  }
  const bool is_open = (info.st_mode & (S_IROTH | S_IWOTH | S_IXOTH | S_IWGRP)) != 0;
  if (info.st_uid == 0 && !is_open) {
    return {name, Verdict::kOk, concat(file.native(), " is root's alone"), ""};
  }
  return {name, Verdict::kFail,
          concat("others than root may read or change ", file.native(), ", which holds secrets"),
          concat("chown root:root ", file.native(), " && chmod 640 ", file.native())};
}

}  // namespace

std::string_view service_name(Part part) {
  return part == Part::kAgent ? "wrenn-agent.service" : "wrenn-cp.service";
}

ServiceState parse_service_state(std::string_view text) {
  ServiceState state;
  for (const auto line : base::split(text, '\n')) {
    const auto is = line.find('=');
    if (is == std::string_view::npos) continue;
    const auto name = line.substr(0, is);
    const auto value = base::trim(line.substr(is + 1));
    if (name == "LoadState") state.is_installed = value == "loaded";
    if (name == "ActiveState") state.is_active = value != "inactive" && value != "failed";
    if (name == "UnitFileState") state.starts_at_boot = value == "enabled";
  }
  return state;
}

ServiceState service_state(Part part) {
  if (!is_there("/run/systemd/system")) return {};
  base::JailSpec spec;
  spec.argv = {"/usr/bin/systemctl", "show", "--property=LoadState,ActiveState,UnitFileState",
               std::string(service_name(part))};
  spec.env = child_environment();
  spec.root = base::JailRoot::kHost;
  spec.new_session = false;
  const auto captured = capture(std::move(spec), STDERR_FILENO, kPatience);
  return captured ? parse_service_state(captured->output) : ServiceState{};
}

base::Result<void> refuse_beside_services(const ServerDir& dir) {
  if (dir.root() != kServedDirectory) return {};
  for (const Part part : {Part::kAgent, Part::kControl}) {
    if (!service_state(part).is_active) continue;
    return base::fail(base::Code::kFailedPrecondition,
                      concat(service_name(part), " works on ", dir.root().native()),
                      "systemctl starts and stops it: systemctl stop wrenn-cp wrenn-agent");
  }
  return {};
}

std::vector<Check> check_settings_files(const base::Path& etc) {
  std::vector<Check> checks;
  for (const char* file : {"agent.env", "control-plane.env"}) {
    checks.push_back(check_settings_file(etc / file));
  }
  return checks;
}

Check check_control_user() {
  const std::string name = "control plane's user";
  const passwd* entry = ::getpwnam(kControlUserName);
  if (entry == nullptr) {
    return {name, Verdict::kFail, "there is no user wrenn, so wrenn-cp.service cannot start",
            "install Wrenn again, or run systemd-sysusers"};
  }
  if (entry->pw_uid == kControlUser) {
    return {name, Verdict::kOk, concat("wrenn, ", kControlUser), ""};
  }
  return {name, Verdict::kFail,
          concat("the user wrenn is number ", entry->pw_uid, " and not ", kControlUser,
                 ", by which the agent knows the control plane"),
          "rename that user (usermod -l), then install Wrenn again"};
}

}  // namespace wrenn::cli
