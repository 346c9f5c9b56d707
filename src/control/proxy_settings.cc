#include "control/proxy_settings.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::string_view kLocal = "localhost";
// A name of 253 characters, less the label of a port and the dot.
constexpr std::size_t kMaxDomain = 253 - 35;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63) return false;
  if (!is_alphanumeric(label.front()) || !is_alphanumeric(label.back())) return false;
  return std::ranges::all_of(label, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

// A name below which there can be others; an address is none.
bool is_domain(std::string_view text) {
  const auto labels = base::split(text, '.');
  return text.size() <= kMaxDomain && std::ranges::all_of(labels, is_label) &&
         !std::ranges::all_of(labels.back(), is_digit);
}

// "[::1]", with what an IPv6 address is made of.
bool is_bracketed(std::string_view host) {
  if (!host.starts_with('[') || !host.ends_with(']')) return false;
  const auto inner = host.substr(1, host.size() - 2);
  return inner.find(':') != inner.npos &&
         inner.find_first_not_of("0123456789abcdefABCDEF:.") == inner.npos;
}

bool is_ipv4(std::string_view host) {
  const auto parts = base::split(host, '.');
  return parts.size() == 4 && std::ranges::all_of(parts, [](std::string_view part) {
           return base::parse_int<std::uint8_t>(part).has_value();
         });
}

struct Origin {
  std::string scheme;
  std::string host;  // IPv6 in brackets.
  std::string suffix;
};

std::unexpected<base::Error> bad_url(std::string_view text) {
  return base::fail(Code::kInvalidArgument,
                    concat("--proxy-url '", text, "' is not the address of a proxy"),
                    "give scheme, host and, where it is another than the scheme's, port: "
                    "https://sandboxes.example.com:8443");
}

Result<Origin> parse_origin(std::string_view text) {
  const std::size_t end = text.find("://");
  Origin origin{.scheme = base::to_lower(text.substr(0, end)), .host = {}, .suffix = {}};
  if (end == text.npos || (origin.scheme != "http" && origin.scheme != "https")) {
    return bad_url(text);
  }
  std::string_view authority = text.substr(end + 3);
  if (authority.ends_with('/')) authority.remove_suffix(1);
  const std::size_t host_end = authority.starts_with('[') ? authority.find(']') : 0;
  if (host_end == authority.npos) return bad_url(text);
  const std::size_t colon = authority.find(':', host_end);
  origin.host = base::to_lower(authority.substr(0, colon));
  if (!is_domain(origin.host) && !is_ipv4(origin.host) && !is_bracketed(origin.host)) {
    return bad_url(text);
  }
  if (colon == authority.npos) return origin;
  const auto port = base::parse_int<std::uint16_t>(authority.substr(colon + 1));
  if (!port || *port == 0) return bad_url(text);
  const int usual = origin.scheme == "https" ? 443 : 80;
  if (*port != usual) origin.suffix = concat(':', *port);
  return origin;
}

// Names below localhost lead to these.
bool is_local(std::string_view host) {
  return host == kLocal || host == "127.0.0.1" || host == "[::1]";
}

// How a client of this machine reaches the listener.
Origin listening_origin(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  std::string host(address.substr(0, colon));
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "[::]") host = "[::1]";
  const std::string suffix(address.substr(colon));
  return {.scheme = "http", .host = host, .suffix = suffix == ":80" ? "" : suffix};
}

}  // namespace

Result<ProxySettings> ProxySettings::create(const ProxyOptions& options, std::string_view address) {
  if (!options.domain.empty() && !is_domain(options.domain)) {
    return base::fail(Code::kInvalidArgument,
                      concat("--proxy-domain '", options.domain, "' is not a domain"),
                      "give a name below which every name leads to the proxy: "
                      "sandboxes.example.com for *.sandboxes.example.com");
  }
  Origin origin = listening_origin(address);
  const bool has_url = !options.url.empty();
  if (has_url) {
    WRENN_TRY_ASSIGN(origin, parse_origin(options.url));
  }
  ProxySettings settings{.scheme = origin.scheme,
                         .domain = base::to_lower(options.domain),
                         .authority_suffix = origin.suffix,
                         .path_host = origin.host};
  if (settings.domain.empty() && is_local(origin.host)) settings.domain = kLocal;
  if (settings.domain.empty() && is_domain(origin.host)) settings.domain = origin.host;
  if (!has_url && !settings.domain.empty() && settings.domain != kLocal) {
    settings.path_host = settings.domain;
  }
  // Not every resolver knows the name, and it may mean an address that nobody listens on.
  if (settings.path_host == kLocal) settings.path_host = "127.0.0.1";
  return settings;
}

std::string ProxySettings::origin() const {
  return concat(scheme, "://", path_host, authority_suffix);
}

std::string ProxySettings::host_url(const proxy::PortAddress& address) const {
  if (domain.empty()) return path_url(address);
  return concat(scheme, "://", address.port, '-', address.sandbox_id, '.', domain, authority_suffix,
                '/');
}

std::string ProxySettings::path_url(const proxy::PortAddress& address) const {
  return concat(origin(), proxy::path_prefix(address), '/');
}

}  // namespace wrenn::control
