// Templates as the API describes them. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/template_reference.h"

namespace wrenn::cli {

class Paint;

struct Template {
  std::string name;
  std::string type;        // "base" or "snapshot"
  std::int64_t vcpus = 0;  // This and the next: 0 for an image.
  std::int64_t memory_mb = 0;
  std::int64_t size_bytes = 0;
  std::string created_at;
  std::int64_t version = 0;  // 0 of an image, as the next two are empty.
  std::vector<std::string> tags;
  std::string build_id;  // Empty of one that was made of a sandbox, too.
};

// kInternal when the reply is not what the API promises.
base::Result<std::vector<Template>> parse_template_list(std::string_view json);

// The version that a name without a version means: that of its tag, or of "latest". kNotFound, with
// what to do.
base::Result<std::int64_t> find_version(const std::vector<Template>& templates,
                                        const TemplateReference& reference);

// The table of `template ls`. `now_ms`: milliseconds since 1970.
std::string template_table(const std::vector<Template>& templates, std::int64_t now_ms,
                           const Paint& paint);

}  // namespace wrenn::cli
