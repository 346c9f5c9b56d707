// Wrenn as services of systemd: what an installation has that was not started by `wrenn up`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "cli/check.h"
#include "cli/server_dir.h"

namespace wrenn::cli {

struct ServiceState {
  bool is_installed = false;
  bool is_active = false;
  bool starts_at_boot = false;
};

// "wrenn-agent.service".
std::string_view service_name(Part part);
// Of what `systemctl show --property=LoadState,ActiveState,UnitFileState` prints.
ServiceState parse_service_state(std::string_view text);
// Nothing is installed where systemd does not run.
ServiceState service_state(Part part);

// kFailedPrecondition while a service works on that directory: two would be at odds.
base::Result<void> refuse_beside_services(const ServerDir& dir);

// What doctor says about the files that the services read their settings from, if there are any,
// and about the control plane's user. `etc` is /etc/wrenn.
std::vector<Check> check_settings_files(const base::Path& etc);
Check check_control_user();

}  // namespace wrenn::cli
