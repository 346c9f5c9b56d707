#include "control/api/replies.h"

#include <cmath>

#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "control/api/network_policy.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

// RFC 3339 with whole seconds.
std::string time_text(std::int64_t unix_ms) {
  return base::rfc3339(unix_ms).substr(0, 19) + "Z";
}

json::object texts_object(const std::map<std::string, std::string>& texts) {
  json::object out;
  for (const auto& [name, value] : texts) out[name] = value;
  return out;
}

json::object source_object(const db::SandboxSource& source) {
  if (!source.sandbox_id.empty()) return {{"type", "sandbox"}, {"sandbox_id", source.sandbox_id}};
  return {{"type", "template"}, {"name", source.template_name}, {"version", source.version}};
}

json::object sandbox_object(const db::Sandbox& sandbox) {
  json::object out;
  out["id"] = sandbox.id;
  out["status"] = db::state_name(sandbox.status);
  out["template"] = sandbox.template_name;
  if (!sandbox.source.sandbox_id.empty() || !sandbox.source.template_name.empty()) {
    out["source"] = source_object(sandbox.source);
  }
  out["vcpus"] = sandbox.vcpus;
  out["memory_mb"] = sandbox.memory_mb;
  out["disk_mb"] = sandbox.disk_mb;
  out["timeout_sec"] = sandbox.timeout_sec;
  if (sandbox.max_lifetime_sec > 0) out["max_lifetime_sec"] = sandbox.max_lifetime_sec;
  if (sandbox.end_at > 0) out["end_at"] = time_text(sandbox.end_at);
  out["on_timeout"] = sandbox.on_timeout;
  out["auto_resume"] = sandbox.auto_resume;
  if (!sandbox.pause_mode.empty()) out["pause_mode"] = sandbox.pause_mode;
  if (!sandbox.pause_reason.empty()) out["pause_reason"] = sandbox.pause_reason;
  if (sandbox.paused_at) out["paused_at"] = time_text(*sandbox.paused_at);
  if (sandbox.archive == db::Archive::kCurrent) out["archive_bytes"] = sandbox.archive_bytes;
  if (sandbox.host_id) out["host_id"] = *sandbox.host_id;
  if (!sandbox.host_ip.empty()) out["host_ip"] = sandbox.host_ip;
  if (!sandbox.error_message.empty()) out["status_reason"] = sandbox.error_message;
  out["created_at"] = time_text(sandbox.created_at);
  if (sandbox.started_at) out["started_at"] = time_text(*sandbox.started_at);
  if (sandbox.last_active_at) out["last_active_at"] = time_text(*sandbox.last_active_at);
  out["last_updated"] = time_text(sandbox.updated_at);
  if (!sandbox.labels.empty()) out["labels"] = texts_object(sandbox.labels);
  if (!sandbox.host_labels.empty()) out["host_labels"] = texts_object(sandbox.host_labels);
  out["network"] = network_object(sandbox.network);
  if (!sandbox.metadata.empty()) out["metadata"] = texts_object(sandbox.metadata);
  return out;
}

// Whole milliseconds: what is less is noise.
json::object timings_object(const Timings& timings_ms) {
  json::object out;
  for (const auto& [name, value] : timings_ms) out[name] = std::llround(value);
  return out;
}

json::object template_object(const db::Template& made) {
  const bool is_image = made.team_id.empty();
  json::object out;
  out["name"] = made.name;
  out["type"] = is_image ? "base" : "snapshot";
  if (!is_image) {
    out["vcpus"] = made.vcpus;
    out["memory_mb"] = made.memory_mb;
    out["disk_mb"] = made.disk_mb;
    out["created_at"] = time_text(made.created_at);
    out["sandbox_id"] = made.sandbox_id;
    out["version"] = made.version;
    out["tags"] = json::array(made.tags.begin(), made.tags.end());
    if (!made.build_id.empty()) out["build_id"] = made.build_id;
  }
  out["size_bytes"] = made.size_bytes;
  out["platform"] = is_image;
  return out;
}

json::object entry_object(const hostagent::v1::FileEntry& entry) {
  json::object out;
  out["name"] = entry.name();
  out["path"] = entry.path();
  out["type"] = entry.type();
  out["size"] = entry.size();
  out["mode"] = entry.mode();
  out["permissions"] = entry.permissions();
  out["owner"] = entry.owner();
  out["group"] = entry.group();
  out["modified_at"] = entry.modified_at();
  if (entry.has_symlink_target()) out["symlink_target"] = entry.symlink_target();
  return out;
}

// A character that the limit cut in two would make the whole text look binary.
void drop_cut_character(std::string& text) {
  for (std::size_t cut = 0; cut <= 3 && cut <= text.size(); ++cut) {
    const std::string_view shorter(text.data(), text.size() - cut);
    if (!base::is_valid_utf8(shorter)) continue;
    text.resize(shorter.size());
    return;
  }
}

std::string line(const json::object& object) {
  return json::serialize(object) + "\n";
}

}  // namespace

std::string sandbox_json(const db::Sandbox& sandbox, const Timings& timings_ms) {
  json::object out = sandbox_object(sandbox);
  if (!timings_ms.empty()) out["timings_ms"] = timings_object(timings_ms);
  return json::serialize(out);
}

std::string forks_json(const std::vector<Fork>& forks, const Timings& timings_ms) {
  json::array capsules;
  for (const auto& fork : forks) {
    json::object capsule = sandbox_object(fork.sandbox);
    if (fork.error) {
      capsule["error"] = {{"code", wire_name(fork.error->code)}, {"message", fork.error->message}};
    }
    capsules.push_back(std::move(capsule));
  }
  json::object out;
  out["capsules"] = std::move(capsules);
  out["timings_ms"] = timings_object(timings_ms);
  return json::serialize(out);
}

std::string template_json(const db::Template& made) {
  return json::serialize(template_object(made));
}

std::string templates_json(const std::vector<db::Template>& templates) {
  json::array out;
  for (const auto& one : templates) out.push_back(template_object(one));
  return json::serialize(out);
}

std::string sandboxes_json(const std::vector<db::Sandbox>& sandboxes) {
  json::array out;
  for (const auto& sandbox : sandboxes) out.push_back(sandbox_object(sandbox));
  return json::serialize(out);
}

std::string sandboxes_of_teams_json(const std::vector<db::Sandbox>& sandboxes) {
  json::array out;
  for (const auto& sandbox : sandboxes) {
    json::object one = sandbox_object(sandbox);
    one["team_id"] = sandbox.team_id;
    out.push_back(std::move(one));
  }
  return json::serialize(out);
}

std::string exec_json(std::string_view sandbox_id, std::string_view cmd, ExecOutcome outcome) {
  if (outcome.truncated) {
    drop_cut_character(outcome.stdout_bytes);
    drop_cut_character(outcome.stderr_bytes);
  }
  const bool is_text =
      base::is_valid_utf8(outcome.stdout_bytes) && base::is_valid_utf8(outcome.stderr_bytes);
  json::object out;
  out["sandbox_id"] = sandbox_id;
  out["cmd"] = cmd;
  out["stdout"] = is_text ? outcome.stdout_bytes : base::to_base64(outcome.stdout_bytes);
  out["stderr"] = is_text ? outcome.stderr_bytes : base::to_base64(outcome.stderr_bytes);
  out["exit_code"] = outcome.exit_code;
  out["duration_ms"] = outcome.duration_ms;
  out["encoding"] = is_text ? "utf-8" : "base64";
  if (outcome.truncated) out["truncated"] = true;
  if (!outcome.error.empty()) out["error"] = outcome.error;
  return json::serialize(out);
}

std::string background_json(std::string_view sandbox_id, std::string_view cmd, std::uint32_t pid,
                            std::string_view tag) {
  json::object out;
  out["sandbox_id"] = sandbox_id;
  out["cmd"] = cmd;
  out["pid"] = pid;
  out["tag"] = tag;
  return json::serialize(out);
}

std::string start_line(std::uint32_t pid) {
  json::object out;
  out["type"] = "start";
  out["pid"] = pid;
  return line(out);
}

std::string data_line(std::string_view type, std::string_view bytes) {
  json::object out;
  out["type"] = type;
  out["data"] = base::to_base64(bytes);
  return line(out);
}

std::string exit_line(int exit_code, std::int64_t duration_ms, std::string_view error) {
  json::object out;
  out["type"] = "exit";
  out["exit_code"] = exit_code;
  out["duration_ms"] = duration_ms;
  if (!error.empty()) out["error"] = error;
  return line(out);
}

std::string error_line(std::string_view code, std::string_view message) {
  json::object out;
  out["type"] = "error";
  out["code"] = code;
  out["message"] = message;
  return line(out);
}

std::string day_text(std::int64_t unix_ms) {
  return base::rfc3339(unix_ms).substr(0, 10);
}

std::string team_stats_json(const TeamStats& stats) {
  json::array labels;
  json::array running;
  json::array vcpus;
  json::array memory;
  for (std::size_t i = 0; i < stats.series.size(); ++i) {
    labels.push_back(
        json::value(time_text(stats.from + static_cast<std::int64_t>(i) * stats.part_ms)));
    running.push_back(stats.series[i].running);
    vcpus.push_back(stats.series[i].vcpus);
    memory.push_back(stats.series[i].memory_mb);
  }
  return json::serialize(json::object{{"range", stats.range},
                                      {"current",
                                       {{"running_count", stats.current.running},
                                        {"vcpus_reserved", stats.current.vcpus},
                                        {"memory_mb_reserved", stats.current.memory_mb}}},
                                      {"peaks",
                                       {{"running_count", stats.peaks.running},
                                        {"vcpus", stats.peaks.vcpus},
                                        {"memory_mb", stats.peaks.memory_mb}}},
                                      {"series",
                                       {{"labels", std::move(labels)},
                                        {"running", std::move(running)},
                                        {"vcpus", std::move(vcpus)},
                                        {"memory_mb", std::move(memory)}}}});
}

std::string team_usage_json(std::string_view from, std::string_view to,
                            const std::vector<DayUsage>& days) {
  constexpr double kMinuteMs = 60'000;
  json::array points;
  for (const DayUsage& day : days) {
    points.push_back(
        json::object{{"date", day.date},
                     {"cpu_minutes", static_cast<double>(day.used.cpu_ms) / kMinuteMs},
                     {"ram_mb_minutes", static_cast<double>(day.used.memory_mb_ms) / kMinuteMs}});
  }
  return json::serialize(json::object{{"from", from}, {"to", to}, {"points", std::move(points)}});
}

std::string metrics_json(std::string_view sandbox_id, std::string_view range,
                         const hostagent::v1::GetSandboxMetricsResponse& metrics) {
  json::array points;
  for (const auto& point : metrics.points()) {
    points.push_back(json::object{{"timestamp_unix", point.timestamp_unix()},
                                  // More digits would promise too much.
                                  {"cpu_pct", std::round(point.cpu_pct() * 100) / 100},
                                  {"mem_bytes", point.mem_bytes()},
                                  {"disk_bytes", point.disk_bytes()},
                                  {"net_rx_bytes", point.net_rx_bytes()},
                                  {"net_tx_bytes", point.net_tx_bytes()}});
  }
  return json::serialize(
      json::object{{"sandbox_id", sandbox_id}, {"range", range}, {"points", std::move(points)}});
}

std::string processes_json(const hostagent::v1::ListProcessesResponse& processes) {
  json::array list;
  for (const auto& process : processes.processes()) {
    json::object entry;
    entry["pid"] = process.pid();
    if (!process.tag().empty()) entry["tag"] = process.tag();
    entry["cmd"] = process.cmd();
    if (process.args_size() > 0) {
      json::array args;
      for (const auto& argument : process.args()) args.emplace_back(argument);
      entry["args"] = std::move(args);
    }
    list.push_back(std::move(entry));
  }
  json::object out;
  out["processes"] = std::move(list);
  return json::serialize(out);
}

std::string entries_json(const hostagent::v1::ListDirResponse& entries) {
  json::array list;
  for (const auto& entry : entries.entries()) list.push_back(entry_object(entry));
  json::object out;
  out["entries"] = std::move(list);
  return json::serialize(out);
}

std::string entry_json(const hostagent::v1::FileEntry& entry) {
  json::object out;
  out["entry"] = entry_object(entry);
  return json::serialize(out);
}

}  // namespace wrenn::control
