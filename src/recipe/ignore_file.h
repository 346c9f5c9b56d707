// IgnoreFile: a .dockerignore, which says what of a directory is not part of the build context.
//
// Its rules are Docker's: one pattern a line, of the whole path from the root of the context;
// `*` and `?` do not match a slash, `**` matches any number of directories; what is in an ignored
// directory is ignored with it; `!` takes back; the last pattern that matches decides.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recipe/glob.h"

namespace wrenn::recipe {

class IgnoreFile {
 public:
  // kInvalidArgument, with the line, for a pattern that is not one; kResourceExhausted past
  // 1 MiB or 10 000 patterns.
  static base::Result<IgnoreFile> parse(std::string_view text);
  // The same from patterns (COPY --exclude). A '#' begins no comment there.
  static base::Result<IgnoreFile> from_patterns(const std::vector<std::string>& patterns);

  // `path` is relative, "a/b", without "." and "..".
  bool ignores(std::string_view path) const;
  // Whether something below a directory that is ignored may not be: if not, there is no need to
  // look into it.
  bool may_keep_below(std::string_view directory) const;

 private:
  struct Rule {
    Glob glob;
    std::string text;  // Cleaned: "a/*", without "!".
    bool keep = false;
  };
  base::Result<void> add(std::string_view line);
  std::vector<Rule> rules_;
};

}  // namespace wrenn::recipe
