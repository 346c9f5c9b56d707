// RouteTable: which endpoint a method and a path mean. Pure; built once, then thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wrenn::control {

struct RouteMatch {
  std::size_t route = 0;            // The number add() returned.
  std::vector<std::string> params;  // What stood for each {}, decoded, in order.
};

struct RouteLookup {
  std::optional<RouteMatch> match;
  // The methods of the path when the method is the only thing wrong: "GET, POST".
  std::string allow;
};

class RouteTable {
 public:
  // `pattern`: "/v1/capsules/{}/exec"; {} is one segment of the path. Must outlive the table.
  std::size_t add(std::string_view method, std::string_view pattern);
  // `path` is percent-encoded as it came. A segment that decodes to nonsense matches no {}.
  // HEAD means GET.
  RouteLookup find(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string_view method;
    std::vector<std::string_view> segments;
  };
  std::vector<Route> routes_;
};

}  // namespace wrenn::control
