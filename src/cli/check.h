// Checks: what `wrenn doctor` finds, as text and as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/console.h"

namespace wrenn::cli {

enum class Verdict { kOk, kWarn, kFail };

struct Check {
  std::string name;
  Verdict verdict = Verdict::kOk;
  std::string detail;
  std::string remedy;  // Empty when there is nothing to do.
};

// {"checks":[{"name","status":"ok|warn|fail","detail","remedy"}]}. kInternal for anything else.
base::Result<std::vector<Check>> parse_checks(std::string_view json);
std::string checks_json(const std::vector<Check>& checks);
std::string checks_text(const std::vector<Check>& checks, const Paint& paint);
bool any_failed(const std::vector<Check>& checks);

}  // namespace wrenn::cli
