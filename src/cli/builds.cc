#include "cli/builds.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json.hpp>

#include "base/id.h"
#include "base/strings.h"
#include "cli/age.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

using base::concat;

constexpr std::string_view kPrefix = "bld-";

std::unexpected<base::Error> strange_reply() {
  return base::fail(base::Code::kInternal, "the API's reply makes no sense",
                    "is the address that of a Wrenn API? `wrenn doctor` checks it");
}

base::Result<Build> from_json(const boost::json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return strange_reply();
  Build build{.id = string_field(*object, "id"),
              .name = string_field(*object, "name"),
              .tag = string_field(*object, "tag"),
              .status = string_field(*object, "status"),
              .step = int_field(*object, "step"),
              .steps = int_field(*object, "steps"),
              .cached_steps = int_field(*object, "cached_steps"),
              .error = string_field(*object, "error"),
              .created_at = string_field(*object, "created_at"),
              .started_at = string_field(*object, "started_at"),
              .finished_at = string_field(*object, "finished_at")};
  if (build.id.empty() || build.status.empty()) return strange_reply();
  return build;
}

BuildLine::Kind kind_of(std::string_view name) {
  using Kind = BuildLine::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 8> kKinds = {{
      {"step", Kind::kStep},
      {"cached", Kind::kCached},
      {"done", Kind::kDone},
      {"stdout", Kind::kStdout},
      {"stderr", Kind::kStderr},
      {"notice", Kind::kNotice},
      {"error", Kind::kError},
      {"end", Kind::kEnd},
  }};
  for (const auto& [text, kind] : kKinds) {
    if (text == name) return kind;
  }
  return Kind::kUnknown;
}

std::string steps_cell(const Build& build) {
  if (build.steps == 0) return "-";
  if (build.status == "ready") return concat(build.steps, '/', build.steps);
  return concat(build.step, '/', build.steps);
}

}  // namespace

std::optional<std::int64_t> Build::took_ms(std::int64_t now_ms) const {
  const auto began = parse_rfc3339(started_at);
  if (!began) return std::nullopt;
  return std::max<std::int64_t>(0, parse_rfc3339(finished_at).value_or(now_ms) - *began);
}

base::Result<Build> parse_build(std::string_view json) {
  const auto value = parse_json(json);
  if (!value) return strange_reply();
  return from_json(*value);
}

base::Result<std::vector<Build>> parse_build_list(std::string_view json) {
  const auto value = parse_json(json);
  const auto* array = value ? value->if_array() : nullptr;
  if (array == nullptr) return strange_reply();
  std::vector<Build> builds;
  for (const auto& element : *array) {
    WRENN_TRY_ASSIGN(Build build, from_json(element));
    builds.push_back(std::move(build));
  }
  return builds;
}

bool is_build_id(std::string_view text) {
  return base::is_id(kPrefix, text);
}

base::Result<std::string> match_build_id(const std::vector<Build>& builds,
                                         std::string_view prefix) {
  const std::string wanted =
      prefix.starts_with(kPrefix) ? std::string(prefix) : concat(kPrefix, prefix);
  std::vector<std::string> matches;
  for (const auto& build : builds) {
    if (build.id.starts_with(wanted)) matches.push_back(build.id);
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    return base::fail(base::Code::kNotFound,
                      concat("no build has an id that begins with '", prefix, "'"),
                      "`wrenn template builds` shows them all");
  }
  return base::fail(base::Code::kInvalidArgument,
                    concat("several builds have ids that begin with '", prefix, "'"),
                    concat("give more of it: ", base::join(matches, ", ")));
}

std::string build_table(const std::vector<Build>& builds, std::int64_t now_ms, const Paint& paint) {
  Table table({"ID", "TEMPLATE", "STATUS", "STEPS", "AGE", "TOOK"});
  for (std::size_t column = 3; column < 6; ++column) table.align_right(column);
  for (const auto& build : builds) {
    const auto created = parse_rfc3339(build.created_at);
    const auto took = build.took_ms(now_ms);
    table.add({build.id, concat(build.name, ':', build.tag), build.status, steps_cell(build),
               created ? human_age(now_ms - *created) : std::string("-"),
               took ? human_duration(*took) : std::string("-")});
  }
  return table.render(paint);
}

std::string built_line(const Build& build, std::int64_t version) {
  std::string line = concat("built ", printable(build.name), ':', printable(build.tag));
  if (version > 0) line += concat(" (version ", version, ')');
  const auto finished = parse_rfc3339(build.finished_at);
  if (const auto took = build.took_ms(0); took && finished) {
    line += concat(" in ", human_duration(*took));
  }
  if (build.steps > 0) {
    line += concat(", ", build.cached_steps, " of ", build.steps,
                   build.steps == 1 ? " step cached" : " steps cached");
  }
  return line;
}

base::Result<BuildLine> parse_build_line(std::string_view json) {
  const auto broken = [] {
    return base::fail(base::Code::kDataLoss, "the log of the build is damaged");
  };
  const auto value = parse_json(json);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return broken();
  BuildLine line{.kind = kind_of(string_field(*object, "kind")),
                 .number = int_field(*object, "number"),
                 .step = int_field(*object, "step"),
                 .at_ms = parse_rfc3339(string_field(*object, "at")).value_or(0),
                 .text = string_field(*object, "text"),
                 .build = {}};
  if (line.kind != BuildLine::Kind::kEnd) return line;
  const auto* build = object->if_contains("build");
  if (build == nullptr) return broken();
  auto parsed = from_json(*build);
  if (!parsed) return broken();
  line.build = *std::move(parsed);
  return line;
}

}  // namespace wrenn::cli
