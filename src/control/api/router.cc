#include "control/api/router.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::control {
namespace {

constexpr std::string_view kParameter = "{}";

// Decodes one segment; nothing when it cannot be a parameter.
std::optional<std::string> decode_segment(std::string_view segment) {
  auto decoded = base::percent_decode(segment);
  if (!decoded || decoded->empty() || !base::is_valid_utf8(*decoded)) return std::nullopt;
  if (decoded->contains('\0')) return std::nullopt;  // In no name of anything.
  return decoded;
}

std::optional<std::vector<std::string>> match_segments(const std::vector<std::string_view>& pattern,
                                                       const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  std::vector<std::string> params;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (pattern[i] != kParameter) {
      if (pattern[i] != path[i]) return std::nullopt;
      continue;
    }
    auto value = decode_segment(path[i]);
    if (!value) return std::nullopt;
    params.push_back(std::move(*value));
  }
  return params;
}

}  // namespace

std::size_t RouteTable::add(std::string_view method, std::string_view pattern) {
  routes_.push_back({method, base::split(pattern, '/')});
  return routes_.size() - 1;
}

RouteLookup RouteTable::find(std::string_view method, std::string_view path) const {
  const auto segments = base::split(path, '/');
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  RouteLookup lookup;
  std::vector<std::string> allowed;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    auto params = match_segments(routes_[i].segments, segments);
    if (!params) continue;
    if (routes_[i].method == wanted) {
      lookup.match = RouteMatch{i, std::move(*params)};
      return lookup;
    }
    // A path may be meant by its name and by a {}.
    if (std::ranges::find(allowed, routes_[i].method) == allowed.end()) {
      allowed.emplace_back(routes_[i].method);
    }
  }
  lookup.allow = base::join(allowed, ", ");
  return lookup;
}

}  // namespace wrenn::control
