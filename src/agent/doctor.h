// Doctor: what an agent needs of its machine, what it found, and what to do about the rest.
#pragma once

#include <string>
#include <vector>

#include "agent/config.h"

namespace wrenn::agent {

enum class CheckStatus { kOk, kWarn, kFail };

struct Check {
  std::string name;
  CheckStatus status = CheckStatus::kOk;
  std::string detail;
  std::string remedy;
};

// Tries everything, and changes nothing but the kept result of the accelerator's probe. Blocking:
// up to 15 s the first time.
std::vector<Check> examine(const AgentConfig& config);
// {"checks":[{"name","status":"ok|warn|fail","detail","remedy"}]}
std::string to_json(const std::vector<Check>& checks);
// One line a check, for a terminal.
std::string to_text(const std::vector<Check>& checks);

}  // namespace wrenn::agent
