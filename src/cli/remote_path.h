// "ID:/path": a file in a sandbox, as `wrenn files` takes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace wrenn::cli {

struct RemotePath {
  std::string sandbox;  // An id or its beginning.
  std::string path;     // Relative to the user's home unless it begins with '/'.
};

// Nothing for a local path: one without a colon, or with something before the colon that cannot be
// an id, as in "./a:b".
std::optional<RemotePath> parse_remote_path(std::string_view text);

// Where a file named `name` ends up: a path that ends with '/' is a directory that it goes into.
std::string complete_path(std::string path, std::string_view name);
// What stands after the last '/'; "a/b/" -> "b".
std::string_view base_name(std::string_view path);

}  // namespace wrenn::cli
