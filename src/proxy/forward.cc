#include "proxy/forward.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "proxy/fault.h"

namespace wrenn::proxy {
namespace {

using base::equal_ignore_case;

constexpr int kSwitchingProtocols = 101;

// Those that Connection names come on top. Framing is done anew for each connection.
constexpr std::array<std::string_view, 10> kOfOneConnection = {
    "connection", "keep-alive", "proxy-connection",  "proxy-authenticate", "proxy-authorization",
    "te",         "trailer",    "transfer-encoding", "content-length",     "upgrade",
};

bool is_of_one_connection(const net::Headers& fields, std::string_view name) {
  const auto is_name = [&](std::string_view other) { return equal_ignore_case(name, other); };
  return std::ranges::any_of(kOfOneConnection, is_name) || fields.has_token("Connection", name);
}

bool is_claim(std::string_view name) {
  // WSGI and CGI cannot tell '_' from '-'.
  std::string plain = base::to_lower(name);
  std::ranges::replace(plain, '_', '-');
  return plain.starts_with("x-forwarded-") || plain == "forwarded" || plain == "x-real-ip" ||
         plain == "host";
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names,
                             [&](const auto& other) { return equal_ignore_case(name, other); });
}

// Empty when nothing is left of it.
std::string without_cookies(std::string_view value, const std::vector<std::string>& names) {
  std::string out;
  for (const std::string_view part : base::split(value, ';')) {
    const std::string_view pair = base::trim(part);
    if (pair.empty() || std::ranges::count(names, base::trim(pair.substr(0, pair.find('=')))) > 0) {
      continue;
    }
    if (!out.empty()) out += "; ";
    out += pair;
  }
  return out;
}

net::Headers without_connection(const net::Headers& fields) {
  net::Headers kept;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto [name, value] = fields[i];
    if (!is_of_one_connection(fields, name)) kept.add(name, value);
  }
  return kept;
}

void keep_upgrade(const net::Headers& fields, net::Headers& out) {
  out.add("Connection", "Upgrade");
  out.add("Upgrade", *fields.find("Upgrade"));
}

}  // namespace

bool is_upgrade(const net::Headers& headers) {
  return headers.has_token("Connection", "upgrade") && headers.find("Upgrade").has_value();
}

net::Headers request_fields(const net::Headers& fields, const Rewriter& rewriter,
                            std::string_view client, const Credentials& credentials) {
  net::Headers out;
  out.add("Host", rewriter.application_host());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto [name, value] = fields[i];
    if (is_of_one_connection(fields, name) || is_claim(name)) continue;
    if (contains(credentials.fields, name)) continue;
    if (equal_ignore_case(name, "cookie")) {
      const std::string cookies = without_cookies(value, credentials.cookies);
      if (!cookies.empty()) out.add(name, cookies);
    } else if (equal_ignore_case(name, "origin") || equal_ignore_case(name, "referer")) {
      out.add(name, rewriter.to_application(value));
    } else {
      out.add(name, value);
    }
  }
  if (fields.has_token("TE", "trailers")) out.add("TE", "trailers");
  if (is_upgrade(fields)) keep_upgrade(fields, out);
  const PublicAddress& address = rewriter.address();
  out.add("X-Forwarded-For", client);
  out.add("X-Forwarded-Host", address.authority);
  out.add("X-Forwarded-Proto", address.scheme);
  if (!rewriter.prefix().empty()) out.add("X-Forwarded-Prefix", rewriter.prefix());
  return out;
}

net::Headers response_fields(const net::Headers& fields, int status, const Rewriter& rewriter) {
  net::Headers out = rewriter.response(without_connection(fields));
  if (status == kSwitchingProtocols && is_upgrade(fields)) keep_upgrade(fields, out);
  return out;
}

net::Headers onward_fields(const net::Headers& fields) {
  net::Headers out = without_connection(fields);
  if (fields.has_token("TE", "trailers")) out.add("TE", "trailers");
  if (is_upgrade(fields)) keep_upgrade(fields, out);
  return out;
}

net::Headers returned_fields(const net::Headers& fields, int status) {
  net::Headers out = without_connection(fields);
  if (status == kSwitchingProtocols && is_upgrade(fields)) keep_upgrade(fields, out);
  out.remove(kFaultField);
  return out;
}

net::Headers trailer_fields(const net::Headers& fields) {
  constexpr std::array<std::string_view, 12> kNotBehind = {
      "host",         "authorization", "cookie",        "set-cookie", "content-encoding",
      "content-type", "content-range", "cache-control", "expect",     "location",
      "range",        kFaultField};
  net::Headers out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto [name, value] = fields[i];
    const auto is_name = [&](std::string_view other) { return equal_ignore_case(name, other); };
    if (std::ranges::any_of(kNotBehind, is_name) || is_of_one_connection(fields, name)) continue;
    out.add(name, value);
  }
  return out;
}

}  // namespace wrenn::proxy
