// Name: text that is safe as one component of a path.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::storage {

// Starts with a letter or digit, then letters, digits, '.', '_' and '-', at most 64 in all (ASCII).
// So no Name is "..", hidden, or has a '/' in it, and a path built from Names cannot be escaped.
// Texts that look like a temporary of write_file_atomic ("x.tmp-0123456789ab") are refused too,
// because sweep_temporaries would remove them. A value type.
class Name {
 public:
  // `kind` stands in the error: "template name". kInvalidArgument with the rule as the remedy.
  static base::Result<Name> parse(std::string_view kind, std::string_view text);

  const std::string& text() const { return text_; }
  bool operator==(const Name&) const = default;
  auto operator<=>(const Name&) const = default;

 private:
  explicit Name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// True for a file name that ends in ".tmp-" and 12 lower-case hexadecimal digits: what a crash of
// write_file_atomic, create_disk or StagedDir leaves behind.
bool is_temporary_name(std::string_view file_name);

}  // namespace wrenn::storage
