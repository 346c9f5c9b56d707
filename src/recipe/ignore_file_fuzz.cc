// Any patterns and any path: what is in an ignored directory that need not be looked into is
// ignored, too. The path is the last line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "recipe/ignore_file.h"
#include "recipe/paths.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::recipe;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.rfind('\n');
  if (end == std::string_view::npos) return 0;
  const auto file = IgnoreFile::parse(text.substr(0, end));
  const auto path = relative_path(text.substr(end + 1));
  if (!file || !path || path->empty()) return 0;
  const bool ignored = file->ignores(*path);
  for (std::string_view parent = parent_of(*path); !parent.empty(); parent = parent_of(parent)) {
    if (file->ignores(parent) && !file->may_keep_below(parent) && !ignored) std::abort();
  }
  return 0;
}
