#include "cli/check.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      break;
  }
  return "fail";
}

std::string mark(Verdict verdict, const Paint& paint) {
  switch (verdict) {
    case Verdict::kOk:
      return paint.green("✓");
    case Verdict::kWarn:
      return paint.yellow("!");
    case Verdict::kFail:
      break;
  }
  return paint.red("✗");
}

// What nobody understands is rather looked at than passed over.
Verdict verdict_of(std::string_view name) {
  if (name == "ok") return Verdict::kOk;
  return name == "warn" ? Verdict::kWarn : Verdict::kFail;
}

// Lines after the first begin below the first.
std::string indented(std::string_view text, std::size_t column) {
  std::string out;
  for (const auto line : base::split(base::trim(text), '\n')) {
    if (!out.empty()) out += "\n" + std::string(column, ' ');
    out += printable(line);
  }
  return out;
}

}  // namespace

base::Result<std::vector<Check>> parse_checks(std::string_view json) {
  const auto value = parse_json(json);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* list = object != nullptr ? object->if_contains("checks") : nullptr;
  if (list == nullptr || !list->is_array()) {
    return base::fail(base::Code::kInternal, "the checks are not what was expected");
  }
  std::vector<Check> checks;
  for (const auto& element : list->get_array()) {
    const auto* entry = element.if_object();
    if (entry == nullptr) continue;
    checks.push_back({string_field(*entry, "name"), verdict_of(string_field(*entry, "status")),
                      string_field(*entry, "detail"), string_field(*entry, "remedy")});
  }
  return checks;
}

std::string checks_json(const std::vector<Check>& checks) {
  boost::json::array list;
  for (const auto& check : checks) {
    boost::json::object entry;
    entry["name"] = check.name;
    entry["status"] = verdict_name(check.verdict);
    entry["detail"] = check.detail;
    if (!check.remedy.empty()) entry["remedy"] = check.remedy;
    list.push_back(std::move(entry));
  }
  boost::json::object object;
  object["ok"] = !any_failed(checks);
  object["checks"] = std::move(list);
  return boost::json::serialize(object);
}

std::string checks_text(const std::vector<Check>& checks, const Paint& paint) {
  std::size_t width = 0;
  for (const auto& check : checks) width = std::max(width, text_width(check.name));
  const std::size_t column = 2 + width + 2;
  std::string out;
  for (const auto& check : checks) {
    const std::string padding(width - text_width(check.name) + 2, ' ');
    out += base::concat(mark(check.verdict, paint), ' ', printable(check.name), padding,
                        indented(check.detail, column), '\n');
    if (check.remedy.empty()) continue;
    out += base::concat(std::string(column, ' '), paint.dim("→ "),
                        indented(check.remedy, column + 2), '\n');
  }
  return out;
}

bool any_failed(const std::vector<Check>& checks) {
  return std::any_of(checks.begin(), checks.end(),
                     [](const Check& check) { return check.verdict == Verdict::kFail; });
}

}  // namespace wrenn::cli
