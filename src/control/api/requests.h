// The bodies of requests, checked. Pure and thread-safe.
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

namespace wrenn::control {

inline constexpr std::size_t kMaxJsonBody = 1 << 20;

// When a sandbox stops by itself: what the client said of it.
struct LifecycleParams {
  std::optional<int> timeout_sec;         // 0: never.
  std::optional<int> max_lifetime_sec;    // 0: no limit.
  std::optional<std::string> on_timeout;  // "pause" or "kill".
};

struct CreateParams {
  std::string template_name = "minimal";  // As it was asked for.
  db::TemplateReference reference = {"minimal", std::string(db::kLatestTag), 0};
  // Absent: the template's own, or 1, 512 and 5120.
  std::optional<int> vcpus;
  std::optional<int> memory_mb;
  std::optional<int> disk_mb;
  LifecycleParams lifecycle;
  bool auto_resume = true;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> host_labels;  // That its host must have.
  db::NetworkPolicy network;
};
// NAME, NAME:TAG or NAME@VERSION.
Answer<db::TemplateReference> parse_template(std::string_view text);
Answer<CreateParams> parse_create(std::string_view body);

// "memory" or "disk".
Answer<std::string> parse_pause(std::string_view body);
Answer<LifecycleParams> parse_lifecycle(std::string_view body);

// {"labels": {"NAME": "value", "OTHER": null}}: null takes a label away.
Answer<db::LabelChanges> parse_label_changes(std::string_view body);
class JsonFields;
// The same, a field of a larger body. A mistake is the fields'.
db::LabelChanges read_labels(JsonFields& fields, std::string_view name = "labels");
// Without those that are null.
std::map<std::string, std::string> set_labels(db::LabelChanges changes);

struct ForkParams {
  int count = 1;
  LifecycleParams lifecycle;
  db::LabelChanges labels;  // Beside those of the source.
};
Answer<ForkParams> parse_fork(std::string_view body);

struct SnapshotParams {
  std::string sandbox_id;
  std::string name;  // Empty: the caller makes one up.
};
Answer<SnapshotParams> parse_snapshot(std::string_view body);

enum class ExecMode { kForeground, kBackground };

// What every command is given, in a body or in a message.
struct CommandParams {
  std::string cmd;
  std::vector<std::string> args;
  std::map<std::string, std::string> envs;
  std::string cwd;
  std::string user;
  std::string tag;
};
enum class Presence;
// A mistake is the fields'. `cmd`: whether it has to be there.
CommandParams read_command(JsonFields& fields, Presence cmd);

struct ExecParams : CommandParams {
  ExecMode mode = ExecMode::kForeground;
  int timeout_sec = 30;
};
Answer<ExecParams> parse_exec(std::string_view body);

struct PathParams {
  std::string path;
  std::string user;
  std::uint32_t depth = 1;  // Of list only.
};
Answer<PathParams> parse_path(std::string_view body);

struct MoveParams {
  std::string from;
  std::string to;
};
Answer<MoveParams> parse_move(std::string_view body);

// For paths that come another way, e.g. in a form.
Answer<void> check_path(std::string_view path);
Answer<void> check_user(std::string_view user);

struct ProcessSelector {
  std::uint32_t pid = 0;  // 0: the tag counts.
  std::string tag;
};
// All digits: a pid, anything else: a tag.
Answer<ProcessSelector> parse_selector(std::string_view text);
// "SIGTERM", "TERM" or "SIGKILL", "KILL"; empty means SIGKILL.
Answer<std::string> parse_signal(std::string_view text);

struct QueryParameter {
  std::string name;
  std::string value;
};
// All of them, decoded. kInvalidRequest for broken ones.
Answer<std::vector<QueryParameter>> query_parameters(std::string_view query);
// The value of a query parameter, decoded; empty when it is missing or broken.
// Letters, digits, '.', '_' and '-', at most 64, the first a letter or digit.
bool is_safe_name(std::string_view name);

std::string query_parameter(std::string_view query, std::string_view name);

}  // namespace wrenn::control
