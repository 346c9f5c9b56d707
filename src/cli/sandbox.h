// Sandboxes as the API describes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

class Paint;

struct Sandbox {
  std::string id;
  std::string status;
  std::string template_name;
  std::int64_t vcpus = 0;
  std::int64_t memory_mb = 0;
  std::string created_at;
};

// kInternal when the reply is not what the API promises.
base::Result<Sandbox> parse_sandbox(std::string_view json);
base::Result<std::vector<Sandbox>> parse_sandbox_list(std::string_view json);

// The one id that begins with `prefix`, with or without "cl-". kNotFound, or kInvalidArgument when
// several do.
base::Result<std::string> match_id(const std::vector<Sandbox>& sandboxes, std::string_view prefix);

// The table of `sandbox ls`. `now_ms`: milliseconds since 1970.
std::string sandbox_table(const std::vector<Sandbox>& sandboxes, std::int64_t now_ms,
                          const Paint& paint);

}  // namespace wrenn::cli
