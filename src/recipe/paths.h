// Paths as text. Pure; no file is looked at, so that a link may lead elsewhere.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace wrenn::recipe {

inline constexpr std::size_t kMaxPath = 4096;

// An absolute path without ".", ".." and needless slashes: `path` as seen from `directory`, an
// absolute one. ".." stops at the root.
std::string join_path(std::string_view directory, std::string_view path);

// "./a//b/" as "a/b", "." as "". Nothing for a path that begins with a slash or leads out by "..".
std::optional<std::string> relative_path(std::string_view path);

std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

}  // namespace wrenn::recipe
