#include "cli/remote_path.h"

namespace wrenn::cli {

std::optional<RemotePath> parse_remote_path(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view id = text.substr(0, colon);
  constexpr std::string_view kIdCharacters = "0123456789abcdefghijklmnopqrstuvwxyz-";
  if (id.find_first_not_of(kIdCharacters) != std::string_view::npos) return std::nullopt;
  return RemotePath{std::string(id), std::string(text.substr(colon + 1))};
}

std::string_view base_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string complete_path(std::string path, std::string_view name) {
  if (path.empty() || path.ends_with('/')) path += name;
  return path;
}

}  // namespace wrenn::cli
