// The bodies of answers. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/errors.h"
#include "db/sandbox_store.h"
#include "db/template_store.h"
#include "db/usage_store.h"

namespace hostagent::v1 {
class FileEntry;
class GetSandboxMetricsResponse;
class ListDirResponse;
class ListProcessesResponse;
}  // namespace hostagent::v1

namespace wrenn::control {

using Timings = std::map<std::string, double>;  // Milliseconds by step.

// Empty optional fields are left out. `timings_ms` where it was made, paused or resumed just now.
std::string sandbox_json(const db::Sandbox& sandbox, const Timings& timings_ms = {});

struct Fork {
  db::Sandbox sandbox;
  std::optional<ApiError> error;  // It could not be made.
};
std::string forks_json(const std::vector<Fork>& forks, const Timings& timings_ms);

// Templates that are images of the host have no team.
std::string template_json(const db::Template& made);
std::string templates_json(const std::vector<db::Template>& templates);

std::string sandboxes_json(const std::vector<db::Sandbox>& sandboxes);
// Each says whose it is.
std::string sandboxes_of_teams_json(const std::vector<db::Sandbox>& sandboxes);

struct ExecOutcome {
  std::string stdout_bytes;
  std::string stderr_bytes;
  bool truncated = false;
  int exit_code = 0;
  std::int64_t duration_ms = 0;
  std::string error;  // What the sandbox has to say beside the exit code.
};
std::string exec_json(std::string_view sandbox_id, std::string_view cmd, ExecOutcome outcome);
std::string background_json(std::string_view sandbox_id, std::string_view cmd, std::uint32_t pid,
                            std::string_view tag);

// The lines of a streamed exec, each with its line end.
std::string start_line(std::uint32_t pid);
std::string data_line(std::string_view type, std::string_view bytes);
std::string exit_line(int exit_code, std::int64_t duration_ms, std::string_view error);
std::string error_line(std::string_view code, std::string_view message);

// Of a team, over time.
struct TeamStats {
  std::string_view range;
  db::TeamLoad current;
  db::TeamLoad peaks;  // Of 30 days.
  std::int64_t from = 0;
  std::int64_t part_ms = 0;
  std::vector<db::TeamLoad> series;
};
std::string team_stats_json(const TeamStats& stats);
struct DayUsage {
  std::string date;
  db::TeamUsage used;
};
std::string team_usage_json(std::string_view from, std::string_view to,
                            const std::vector<DayUsage>& days);
// "2026-01-31", in UTC.
std::string day_text(std::int64_t unix_ms);

std::string metrics_json(std::string_view sandbox_id, std::string_view range,
                         const hostagent::v1::GetSandboxMetricsResponse& metrics);
std::string processes_json(const hostagent::v1::ListProcessesResponse& processes);
std::string entries_json(const hostagent::v1::ListDirResponse& entries);
std::string entry_json(const hostagent::v1::FileEntry& entry);

}  // namespace wrenn::control
