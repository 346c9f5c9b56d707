// Templates as the API describes them. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

class Paint;

struct Template {
  std::string name;
  std::string type;        // "base" or "snapshot"
  std::int64_t vcpus = 0;  // This and the next: 0 for an image.
  std::int64_t memory_mb = 0;
  std::int64_t size_bytes = 0;
  std::string created_at;
};

// kInternal when the reply is not what the API promises.
base::Result<std::vector<Template>> parse_template_list(std::string_view json);

// The table of `template ls`. `now_ms`: milliseconds since 1970.
std::string template_table(const std::vector<Template>& templates, std::int64_t now_ms,
                           const Paint& paint);

}  // namespace wrenn::cli
