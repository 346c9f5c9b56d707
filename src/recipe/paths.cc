#include "recipe/paths.h"

#include <vector>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

// Appends the parts of `path`; false when ".." led out of what there is.
bool add_parts(std::vector<std::string_view>& parts, std::string_view path) {
  bool inside = true;
  for (const std::string_view part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (parts.empty()) {
      inside = false;
    } else {
      parts.pop_back();
    }
  }
  return inside;
}

}  // namespace

std::string join_path(std::string_view directory, std::string_view path) {
  std::vector<std::string_view> parts;
  if (!path.starts_with('/')) add_parts(parts, directory);
  add_parts(parts, path);
  std::string out;
  for (const std::string_view part : parts) {
    out += '/';
    out += part;
  }
  return out.empty() ? "/" : out;
}

std::optional<std::string> relative_path(std::string_view path) {
  if (path.starts_with('/')) return std::nullopt;
  std::vector<std::string_view> parts;
  if (!add_parts(parts, path)) return std::nullopt;
  std::string out;
  for (const std::string_view part : parts) {
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace wrenn::recipe
