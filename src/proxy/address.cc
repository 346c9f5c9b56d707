#include "proxy/address.h"

#include <algorithm>

#include "base/id.h"
#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using base::Code;
using base::Result;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Result<std::uint16_t> parse_port(std::string_view text) {
  const auto port = base::parse_int<std::uint16_t>(text);
  if (port && *port > 0 && text.front() != '0') return *port;
  return base::fail(Code::kInvalidArgument,
                    base::concat("'", text, "' is not a port: use a number from 1 to 65535"));
}

Result<PortAddress> parse_address(std::string_view id, std::string_view port) {
  if (!base::is_id(base::kSandboxPrefix, id)) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("'", id, "' is not the id of a sandbox"));
  }
  WRENN_TRY_ASSIGN(const std::uint16_t number, parse_port(port));
  return PortAddress{.sandbox_id = std::string(id), .port = number};
}

// Without the port of the proxy itself. The names of applications hold no IPv6 address.
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return host;
  const std::string_view port = host.substr(colon + 1);
  return std::ranges::all_of(port, is_digit) ? host.substr(0, colon) : host;
}

}  // namespace

Result<std::optional<PortAddress>> parse_host(std::string_view host, std::string_view domain) {
  const std::string name = base::to_lower(without_port(host));
  const std::string_view text = name;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  if (!base::equal_ignore_case(text.substr(dot + 1), domain)) return std::nullopt;
  const std::string_view label = text.substr(0, dot);
  const std::size_t dash = label.find('-');
  const std::string_view port = label.substr(0, dash);
  if (dash == std::string_view::npos || port.empty()) return std::nullopt;
  if (!std::ranges::all_of(port, is_digit)) return std::nullopt;
  return parse_address(label.substr(dash + 1), port);
}

Result<std::optional<PathAddress>> parse_path(std::string_view target, std::string_view root) {
  if (!target.starts_with(root)) return std::nullopt;
  const std::string_view text = target.substr(root.size());
  const std::size_t id_end = std::min(text.find_first_of("/?"), text.size());
  const std::string_view after_id = text.substr(std::min(id_end + 1, text.size()));
  const std::size_t port_end = std::min(after_id.find_first_of("/?"), after_id.size());
  if (id_end == text.size() || text[id_end] != '/' || port_end == 0) {
    return base::fail(Code::kInvalidArgument, "the path has no port",
                      base::concat("use ", root, "{sandbox id}/{port}/"));
  }
  WRENN_TRY_ASSIGN(PortAddress address,
                   parse_address(text.substr(0, id_end), after_id.substr(0, port_end)));
  return PathAddress{.address = std::move(address), .rest = after_id.substr(port_end)};
}

std::string path_prefix(const PortAddress& address) {
  return base::concat(kProxyRoot, address.sandbox_id, '/', address.port);
}

}  // namespace wrenn::proxy
