// How templates are named: NAME, NAME:TAG or NAME@VERSION. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::cli {

struct TemplateReference {
  std::string name;
  std::string tag;           // Empty: none was given.
  std::int64_t version = 0;  // 0: none was given.

  bool operator==(const TemplateReference&) const = default;
};

// kInvalidArgument, with what to write, for what the API would not take.
base::Result<TemplateReference> parse_template_reference(std::string_view text);

// 1 to 64 letters, digits, '.', '_' and '-', with a letter or a digit first: names and tags.
bool is_template_name(std::string_view text);

}  // namespace wrenn::cli
