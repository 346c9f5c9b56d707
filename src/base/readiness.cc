#include "base/readiness.h"

#include <algorithm>

#include "base/json_text.h"

namespace wrenn::base {
namespace {

std::string_view status_name(CheckStatus status) {
  switch (status) {
    case CheckStatus::kOk:
      return "ok";
    case CheckStatus::kWarning:
      return "warning";
    case CheckStatus::kFailed:
      return "failed";
  }
  return "failed";
}

}  // namespace

bool Readiness::is_ready() const {
  return std::ranges::none_of(
      checks, [](const auto& check) { return check.status == CheckStatus::kFailed; });
}

int Readiness::http_status() const {
  constexpr int kServiceUnavailable = 503;
  return is_ready() ? 200 : kServiceUnavailable;
}

std::string Readiness::to_json(std::string_view version) const {
  std::string out = "{";
  append_json_field(out, "status", is_ready() ? "ready" : "not_ready");
  append_json_field(out, "version", version);
  out += ",\"checks\":[";
  for (const auto& check : checks) {
    out += out.ends_with('[') ? "{" : ",{";
    append_json_field(out, "name", check.name);
    append_json_field(out, "status", status_name(check.status));
    if (!check.message.empty()) append_json_field(out, "message", check.message);
    out += '}';
  }
  out += "]}";
  return out;
}

}  // namespace wrenn::base
