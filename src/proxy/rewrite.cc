#include "proxy/rewrite.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::equal_ignore_case;

// Names under which an application may know its own machine; the last is what every guest has.
constexpr std::array<std::string_view, 5> kInside = {"localhost", "127.0.0.1", "[::1]", "0.0.0.0",
                                                     "169.254.0.21"};

// The parts of "scheme://authority/rest" and "//authority/rest".
struct Url {
  std::string_view scheme;  // Empty: the one of the page.
  std::string_view authority;
  std::string_view rest;  // From the first '/', '?' or '#'.
};

std::optional<Url> split_url(std::string_view text) {
  Url url;
  const std::size_t slashes = text.find("//");
  if (slashes == std::string_view::npos) return std::nullopt;
  if (slashes > 0) {
    if (text[slashes - 1] != ':') return std::nullopt;
    url.scheme = text.substr(0, slashes - 1);
    if (!equal_ignore_case(url.scheme, "http") && !equal_ignore_case(url.scheme, "https")) {
      return std::nullopt;
    }
  }
  const std::string_view after = text.substr(slashes + 2);
  const std::size_t end = std::min(after.find_first_of("/?#\\"), after.size());
  url.authority = after.substr(0, end);
  url.rest = after.substr(end);
  // Browsers take a backslash for a slash; such a text is better not understood.
  if (url.authority.empty() || url.rest.starts_with('\\')) return std::nullopt;
  return url;
}

struct HostPort {
  std::string_view host;
  std::optional<std::uint16_t> port;  // Nothing: not written.
};

std::optional<HostPort> split_authority(std::string_view authority) {
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || bracket < colon);
  if (!has_port) return HostPort{authority, std::nullopt};
  const auto port = base::parse_int<std::uint16_t>(authority.substr(colon + 1));
  if (!port || *port == 0) return std::nullopt;
  return HostPort{authority.substr(0, colon), port};
}

bool is_inside(std::string_view host) {
  return std::ranges::any_of(kInside,
                             [&](std::string_view name) { return equal_ignore_case(host, name); });
}

// One authority may be written with the default port or without.
bool is_same_authority(std::string_view a, std::string_view b) {
  const auto bare = [](std::string_view text) {
    for (const std::string_view port : {":80", ":443"}) {
      if (text.ends_with(port)) return text.substr(0, text.size() - port.size());
    }
    return text;
  };
  return equal_ignore_case(bare(a), bare(b));
}

bool is_below(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  const std::string_view rest = path.substr(prefix.size());
  return rest.empty() || rest.front() == '/' || rest.front() == '?' || rest.front() == '#';
}

std::string as_path(std::string_view rest) {
  return rest.starts_with('/') ? std::string(rest) : concat('/', rest);
}

std::size_t skip(std::string_view text, std::size_t at, std::string_view characters) {
  return std::min(text.find_first_not_of(characters, at), text.size());
}

}  // namespace

Rewriter::Rewriter(PublicAddress address)
    : address_(std::move(address)), application_host_(concat("localhost:", address_.address.port)) {
  if (address_.form == AddressForm::kPath) prefix_ = path_prefix(address_.address);
}

std::string Rewriter::with_prefix(std::string_view path) const {
  // One that knows its prefix, from X-Forwarded-Prefix or its configuration, has put it there.
  if (prefix_.empty() || is_below(path, prefix_)) return std::string(path);
  return concat(prefix_, path);
}

std::string Rewriter::at_port(std::uint16_t port, std::string_view path) const {
  if (port == address_.address.port) return with_prefix(path);
  if (address_.form == AddressForm::kPath) {
    return concat(path_prefix({address_.address.sandbox_id, port}), path);
  }
  const std::string_view authority = address_.authority;
  return concat(address_.scheme, "://", port, authority.substr(authority.find('-')), path);
}

std::string Rewriter::to_public(std::string_view url) const {
  if (url.starts_with('/') && !url.starts_with("//")) return with_prefix(url);
  const auto parts = split_url(url);
  if (!parts) return std::string(url);
  if (is_same_authority(parts->authority, address_.authority)) {
    return with_prefix(as_path(parts->rest));
  }
  const auto target = split_authority(parts->authority);
  if (!target || !is_inside(target->host)) return std::string(url);
  return at_port(target->port.value_or(address_.address.port), as_path(parts->rest));
}

std::string Rewriter::refresh(std::string_view value) const {
  std::size_t at = skip(value, 0, " \t0123456789.");
  const std::size_t separator = at;
  at = skip(value, at, " \t;,");
  if (at == separator) return std::string(value);
  if (equal_ignore_case(value.substr(at, 3), "url")) {
    const std::size_t equals = skip(value, at + 3, " \t");
    if (equals < value.size() && value[equals] == '=') at = skip(value, equals + 1, " \t");
  }
  std::size_t end = value.size();
  if (at < end && (value[at] == '"' || value[at] == '\'')) {
    end = std::min(value.find(value[at], at + 1), end);
    ++at;
  }
  return concat(value.substr(0, at), to_public(value.substr(at, end - at)), value.substr(end));
}

std::string Rewriter::set_cookie(std::string_view value) const {
  std::string out;
  for (const std::string_view part : base::split(value, ';')) {
    const std::size_t equals = part.find('=');
    const std::string_view name = base::trim(part.substr(0, equals));
    // The first part is the cookie itself, whatever it is called.
    const bool is_attribute = part.data() != value.data() && equals != std::string_view::npos;
    if (is_attribute && equal_ignore_case(name, "domain")) continue;
    if (part.data() != value.data()) out += ';';
    const std::string_view path = is_attribute ? base::trim(part.substr(equals + 1)) : "";
    if (is_attribute && equal_ignore_case(name, "path") && path.starts_with('/')) {
      out += concat(part.substr(0, equals + 1), with_prefix(path));
    } else {
      out += part;
    }
  }
  return out;
}

std::string Rewriter::to_application(std::string_view url) const {
  const auto parts = split_url(url);
  if (!parts || !is_same_authority(parts->authority, address_.authority)) return std::string(url);
  std::string_view rest = parts->rest;
  if (!prefix_.empty() && is_below(rest, prefix_)) rest.remove_prefix(prefix_.size());
  return concat("http://", application_host_, rest);
}

net::Headers Rewriter::response(const net::Headers& headers) const {
  net::Headers out;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers[i];
    if (equal_ignore_case(name, "location") || equal_ignore_case(name, "content-location")) {
      out.add(name, to_public(value));
    } else if (equal_ignore_case(name, "refresh")) {
      out.add(name, refresh(value));
    } else if (equal_ignore_case(name, "set-cookie")) {
      out.add(name, set_cookie(value));
    } else {
      out.add(name, value);
    }
  }
  return out;
}

}  // namespace wrenn::proxy
