#include "control/api/requests.h"

#include <algorithm>

#include "base/strings.h"
#include "control/api/json_fields.h"
#include "control/api/network_policy.h"

namespace wrenn::control {
namespace {

using base::concat;

constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxText = 128 * 1024;  // What Linux takes as one argument of a program.
constexpr std::size_t kMaxArguments = 4096;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::string> decode_query(std::string_view text) {
  std::string value(text);
  std::ranges::replace(value, '+', ' ');
  return base::percent_decode(value);
}

std::string name_rule(std::string_view field) {
  return concat(field,
                " must begin with a letter or digit and go on with letters, digits, "
                "'.', '_' and '-', ",
                kMaxName, " characters at most");
}

LifecycleParams read_lifecycle(JsonFields& fields) {
  constexpr IntegerRule kTimeout{0, 7 * 24 * 3600, 0};
  constexpr IntegerRule kLifetime{0, 365 * 24 * 3600, 0};
  LifecycleParams params;
  if (fields.has("timeout_sec")) {
    params.timeout_sec = static_cast<int>(fields.integer("timeout_sec", kTimeout));
  }
  if (fields.has("max_lifetime_sec")) {
    params.max_lifetime_sec = static_cast<int>(fields.integer("max_lifetime_sec", kLifetime));
  }
  if (fields.has("on_timeout")) {
    params.on_timeout = fields.text("on_timeout", {});
    if (params.on_timeout != "pause" && params.on_timeout != "kill") {
      fields.fail("on_timeout must be pause or kill");
    }
  }
  return params;
}

}  // namespace

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || !is_alphanumeric(name.front())) return false;
  return std::ranges::all_of(
      name, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

Answer<db::TemplateReference> parse_template(std::string_view text) {
  auto reference = db::parse_template_reference(text);
  if (!reference) {
    return refuse(ApiCode::kInvalidRequest,
                  concat(reference.error().message, "; ", reference.error().remedy));
  }
  if (!is_safe_name(reference->name))
    return refuse(ApiCode::kInvalidRequest, name_rule("template"));
  return *std::move(reference);
}

Answer<CreateParams> parse_create(std::string_view body) {
  JsonFields fields(body);
  CreateParams params;
  const std::string name = fields.text("template", {});
  if (!name.empty()) params.template_name = name;
  if (auto reference = parse_template(params.template_name)) {
    params.reference = *std::move(reference);
  } else {
    fields.fail(reference.error().message);
  }
  params.vcpus = fields.optional_integer("vcpus", 1, 32);
  params.memory_mb = fields.optional_integer("memory_mb", 128, 64 * 1024);
  params.disk_mb = fields.optional_integer("disk_mb", 1024, 1024 * 1024);
  params.lifecycle = read_lifecycle(fields);
  params.auto_resume = fields.boolean("auto_resume", true);
  params.labels = set_labels(read_labels(fields));
  params.host_labels = set_labels(read_labels(fields, "host_labels"));
  params.network = read_network(fields);
  API_TRY(fields.status());
  return params;
}

Answer<std::string> parse_pause(std::string_view body) {
  JsonFields fields(body);
  const std::string mode = fields.text("mode", {});
  if (!mode.empty() && mode != "memory" && mode != "disk") {
    fields.fail("mode must be memory or disk");
  }
  API_TRY(fields.status());
  return mode.empty() ? "memory" : mode;
}

Answer<LifecycleParams> parse_lifecycle(std::string_view body) {
  JsonFields fields(body);
  LifecycleParams params = read_lifecycle(fields);
  API_TRY(fields.status());
  return params;
}

Answer<db::LabelChanges> parse_label_changes(std::string_view body) {
  JsonFields fields(body);
  db::LabelChanges labels = read_labels(fields);
  if (!fields.has("labels")) fields.fail("labels is missing: nothing else can be changed here");
  API_TRY(fields.status());
  return labels;
}

// Names and values are the users' own: all but what cannot be told apart in a filter or a terminal.
db::LabelChanges read_labels(JsonFields& fields, std::string_view field) {
  constexpr std::size_t kMaxLabelName = 128;
  constexpr std::size_t kMaxLabelValue = 1024;
  const auto has_control = [](std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  };
  db::LabelChanges labels = fields.texts_or_nulls(field, db::kMaxLabels);
  for (const auto& [name, value] : labels) {
    if (name.empty() || name.size() > kMaxLabelName || name.contains('=') || has_control(name)) {
      fields.fail(concat(field, ": a name has 1 to ", kMaxLabelName,
                         " bytes, and neither '=' nor control characters"));
    }
    if (value && (value->size() > kMaxLabelValue || has_control(*value))) {
      fields.fail(concat(field, ": a value has ", kMaxLabelValue,
                         " bytes at most, and no control characters"));
    }
  }
  return labels;
}

std::map<std::string, std::string> set_labels(db::LabelChanges changes) {
  std::map<std::string, std::string> labels;
  for (auto& [name, value] : changes) {
    if (value) labels.emplace(name, *std::move(value));
  }
  return labels;
}

Answer<ForkParams> parse_fork(std::string_view body) {
  JsonFields fields(body);
  ForkParams params;
  params.count = static_cast<int>(fields.integer("count", {1, 100, params.count}));
  params.lifecycle = read_lifecycle(fields);
  params.labels = read_labels(fields);
  API_TRY(fields.status());
  return params;
}

Answer<SnapshotParams> parse_snapshot(std::string_view body) {
  JsonFields fields(body);
  SnapshotParams params;
  params.sandbox_id = fields.text("sandbox_id", {Presence::kRequired, kMaxName});
  params.name = fields.text("name", {});
  if (!params.name.empty() && !is_safe_name(params.name)) fields.fail(name_rule("name"));
  API_TRY(fields.status());
  return params;
}

Answer<ExecParams> parse_exec(std::string_view body) {
  JsonFields fields(body);
  ExecParams params{read_command(fields, Presence::kRequired)};
  if (fields.boolean("background", false)) params.mode = ExecMode::kBackground;
  params.timeout_sec =
      static_cast<int>(fields.integer("timeout_sec", {1, 24 * 3600, params.timeout_sec}));
  API_TRY(fields.status());
  return params;
}

CommandParams read_command(JsonFields& fields, Presence cmd) {
  CommandParams command;
  command.cmd = fields.text("cmd", {cmd, kMaxText});
  command.args = fields.texts("args", kMaxArguments);
  command.envs = fields.environment("envs", kMaxArguments);
  command.cwd = fields.text("cwd", {Presence::kOptional, kMaxPath});
  command.user = fields.text("user", {});
  command.tag = fields.text("tag", {});
  if (!command.tag.empty() && (!is_safe_name(command.tag) || is_all_digits(command.tag))) {
    fields.fail(concat(name_rule("tag"), "; digits alone would be a process id"));
  }
  if (const auto checked = check_user(command.user); !checked) {
    fields.fail(checked.error().message);
  }
  return command;
}

Answer<PathParams> parse_path(std::string_view body) {
  JsonFields fields(body);
  PathParams params;
  params.path = fields.text("path", {Presence::kRequired, kMaxPath});
  params.user = fields.text("user", {});
  params.depth = static_cast<std::uint32_t>(fields.integer("depth", {1, 1000, params.depth}));
  API_TRY(fields.status());
  API_TRY(check_user(params.user));
  return params;
}

Answer<MoveParams> parse_move(std::string_view body) {
  JsonFields fields(body);
  MoveParams params;
  params.from = fields.text("from", {Presence::kRequired, kMaxPath});
  params.to = fields.text("to", {Presence::kRequired, kMaxPath});
  API_TRY(fields.status());
  return params;
}

Answer<void> check_path(std::string_view path) {
  if (path.empty()) return refuse(ApiCode::kInvalidRequest, "path must not be empty");
  if (path.size() > kMaxPath) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("path must not be longer than ", kMaxPath, " bytes"));
  }
  if (path.find('\0') != path.npos) {
    return refuse(ApiCode::kInvalidRequest, "path must not contain a NUL character");
  }
  return {};
}

Answer<void> check_user(std::string_view user) {
  // What useradd takes; the sandbox knows which of them exist.
  std::string_view name = user;
  if (name.starts_with('_')) name.remove_prefix(1);
  if (user.empty() || is_safe_name(name)) return {};
  return refuse(ApiCode::kInvalidRequest, "user must be the name of a user in the sandbox");
}

Answer<ProcessSelector> parse_selector(std::string_view text) {
  if (!is_all_digits(text)) {
    if (is_safe_name(text)) return ProcessSelector{.tag = std::string(text)};
    return refuse(ApiCode::kInvalidRequest,
                  "the process must be named by its pid or its tag; "
                  "GET /v1/capsules/{id}/processes lists both");
  }
  const auto pid = base::parse_int<std::uint32_t>(text);
  if (!pid || *pid == 0) {
    return refuse(ApiCode::kInvalidRequest, "the pid must be a whole number from 1 to 4294967295");
  }
  return ProcessSelector{.pid = *pid};
}

Answer<std::string> parse_signal(std::string_view text) {
  if (text.empty() || text == "SIGKILL" || text == "KILL") return "SIGKILL";
  if (text == "SIGTERM" || text == "TERM") return "SIGTERM";
  return refuse(ApiCode::kInvalidRequest, "signal must be SIGTERM or SIGKILL");
}

Answer<std::vector<QueryParameter>> query_parameters(std::string_view query) {
  std::vector<QueryParameter> parameters;
  for (const std::string_view pair : base::split(query, '&')) {
    const auto equals = pair.find('=');
    const auto name = decode_query(pair.substr(0, equals));
    const auto value = decode_query(equals == pair.npos ? "" : pair.substr(equals + 1));
    if (!name || !value || !base::is_valid_utf8(*name) || !base::is_valid_utf8(*value) ||
        value->contains('\0')) {
      return refuse(ApiCode::kInvalidRequest, "the query of the address is not valid");
    }
    if (!name->empty()) parameters.push_back({*name, *value});
  }
  return parameters;
}

std::string query_parameter(std::string_view query, std::string_view name) {
  const auto parameters = query_parameters(query);
  if (!parameters) return {};
  const auto found = std::ranges::find(*parameters, name, &QueryParameter::name);
  return found == parameters->end() ? std::string() : found->value;
}

}  // namespace wrenn::control
