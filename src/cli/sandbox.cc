#include "cli/sandbox.h"

#include <boost/json.hpp>

#include "base/id.h"
#include "base/strings.h"
#include "cli/age.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

std::unexpected<base::Error> strange_reply() {
  return base::fail(base::Code::kInternal, "the API's reply makes no sense",
                    "is the address that of a Wrenn API? `wrenn doctor` checks it");
}

base::Result<Sandbox> from_json(const boost::json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) return strange_reply();
  Sandbox sandbox{.id = string_field(*object, "id"),
                  .status = string_field(*object, "status"),
                  .template_name = string_field(*object, "template"),
                  .vcpus = int_field(*object, "vcpus"),
                  .memory_mb = int_field(*object, "memory_mb"),
                  .created_at = string_field(*object, "created_at")};
  if (sandbox.id.empty()) return strange_reply();
  return sandbox;
}

}  // namespace

base::Result<Sandbox> parse_sandbox(std::string_view json) {
  const auto value = parse_json(json);
  if (!value) return strange_reply();
  return from_json(*value);
}

base::Result<std::vector<Sandbox>> parse_sandbox_list(std::string_view json) {
  const auto value = parse_json(json);
  const auto* array = value ? value->if_array() : nullptr;
  if (array == nullptr) return strange_reply();
  std::vector<Sandbox> sandboxes;
  for (const auto& element : *array) {
    WRENN_TRY_ASSIGN(Sandbox sandbox, from_json(element));
    sandboxes.push_back(std::move(sandbox));
  }
  return sandboxes;
}

base::Result<std::string> match_id(const std::vector<Sandbox>& sandboxes, std::string_view prefix) {
  const std::string wanted = prefix.starts_with(base::kSandboxPrefix)
                                 ? std::string(prefix)
                                 : base::concat(base::kSandboxPrefix, prefix);
  std::vector<std::string> matches;
  for (const auto& sandbox : sandboxes) {
    if (sandbox.id.starts_with(wanted)) matches.push_back(sandbox.id);
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    return base::fail(base::Code::kNotFound,
                      base::concat("no sandbox has an id that begins with '", prefix, "'"),
                      "`wrenn sandbox ls` shows them all");
  }
  return base::fail(base::Code::kInvalidArgument,
                    base::concat("several sandboxes have ids that begin with '", prefix, "'"),
                    base::concat("give more of it: ", base::join(matches, ", ")));
}

std::string sandbox_table(const std::vector<Sandbox>& sandboxes, std::int64_t now_ms,
                          const Paint& paint) {
  Table table({"ID", "STATUS", "TEMPLATE", "VCPUS", "MEMORY", "AGE"});
  for (std::size_t column = 3; column < 6; ++column) table.align_right(column);
  for (const auto& sandbox : sandboxes) {
    const auto created = parse_rfc3339(sandbox.created_at);
    table.add({sandbox.id, sandbox.status, sandbox.template_name, base::concat(sandbox.vcpus),
               base::concat(sandbox.memory_mb, " MB"),
               created ? human_age(now_ms - *created) : std::string("-")});
  }
  return table.render(paint);
}

}  // namespace wrenn::cli
