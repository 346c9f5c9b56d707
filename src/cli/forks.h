// What the API says of copies of a sandbox. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

struct ForkOutcome {
  std::string id;
  std::string error;  // Why there is no such copy; empty: it runs.
};
// kInternal when the reply is not what the API promises.
base::Result<std::vector<ForkOutcome>> parse_forks(std::string_view json);

}  // namespace wrenn::cli
