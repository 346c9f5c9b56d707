// What callers write as a path, made absolute. Pure.
#pragma once

#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::envd {

inline constexpr std::size_t kMaxPath = 4096;

// Absolute paths stay; "~" and "~/x" lie in `home`, relative ones in `directory`. "." and ".." are
// resolved by their text. kInvalidArgument for NUL bytes, more than kMaxPath bytes, and "~name".
base::Result<base::Path> resolve_path(std::string_view text, const base::Path& home,
                                      const base::Path& directory);

}  // namespace wrenn::envd
