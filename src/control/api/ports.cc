#include "control/api/ports.h"

#include <map>

#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "control/api/json_fields.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

using base::concat;
using net::Task;
using proxy::PortAddress;

constexpr IntegerRule kExpiry{.min = 60, .max = 7 * 24 * 3600, .fallback = 3600};

struct Port {
  std::vector<std::string> addresses;
  bool is_reachable = false;
  bool is_public = false;
};
using Ports = std::map<std::uint16_t, Port>;

Answer<std::uint16_t> parse_port(std::string_view text) {
  const auto port = base::parse_int<std::uint16_t>(text);
  if (!port || *port == 0 || text.front() == '0') {
    return refuse(ApiCode::kInvalidRequest, "the port must be a whole number from 1 to 65535");
  }
  if (*port == proxy::kEnvdPort) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("port ", proxy::kEnvdPort,
                         " is the guest agent's own and cannot be reached from outside; "
                         "use another one"));
  }
  return *port;
}

Answer<db::PortAccess> parse_access(std::string_view body) {
  JsonFields fields(body);
  const bool is_public = fields.required_boolean("public");
  API_TRY(fields.status());
  return is_public ? db::PortAccess::kPublic : db::PortAccess::kPrivate;
}

Task<Answer<Ports>> gather(Services& services, AgentClient& agent, std::string id) {
  API_CO_TRY_ASSIGN(const auto listed, agent_answer(co_await agent.list_ports(id)));
  API_CO_TRY_ASSIGN(
      const auto open,
      db_answer(co_await services.database_pool.run([&] { return services.ports.list(id); })));
  Ports ports;
  for (const auto& entry : listed.ports()) {
    Port& port = ports[static_cast<std::uint16_t>(entry.port())];
    port.addresses.assign(entry.addresses().begin(), entry.addresses().end());
    port.is_reachable = entry.reachable();
  }
  for (const std::uint16_t number : open) ports[number].is_public = true;
  co_return ports;
}

json::object port_object(const ProxySettings& settings, const PortAddress& address,
                         const Port& port) {
  json::object out;
  out["port"] = address.port;
  out["addresses"] = json::array(port.addresses.begin(), port.addresses.end());
  out["reachable"] = port.is_reachable;
  out["public"] = port.is_public;
  out["url"] = settings.host_url(address);
  out["path_url"] = settings.path_url(address);
  return out;
}

std::string signed_url(const std::string& url, std::string_view token) {
  return concat(url, '?', proxy::kPreviewParameter, '=', token);
}

// The address of the port that a request for the proxy meant, as far as it can be read.
std::optional<std::string> meant_url(const ProxySettings& settings, const net::Request& request) {
  if (request.path().starts_with("/proxy/")) {
    const auto path = proxy::parse_path(request.path());
    return path && *path ? settings.path_url((*path)->address) : settings.origin();
  }
  const auto host = request.headers().find("host");
  if (!host || settings.domain.empty()) return std::nullopt;
  const auto parsed = proxy::parse_host(*host, settings.domain);
  if (!parsed) return settings.origin();
  if (!*parsed) return std::nullopt;
  return settings.host_url(**parsed);
}

}  // namespace

Task<Answer<void>> list_ports(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  const std::string& id = found.sandbox.id;
  API_CO_TRY_ASSIGN(const Ports ports, co_await gather(services, *found.agent, id));
  json::array list;
  for (const auto& [number, port] : ports) {
    list.push_back(port_object(services.proxy_settings, {id, number}, port));
  }
  json::object out;
  out["ports"] = std::move(list);
  co_return co_await call.send_json(200, json::serialize(out));
}

Task<Answer<void>> set_port(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::uint16_t number, parse_port(call.param(1)));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::PortAccess access, parse_access(body));
  call.note("port", concat(number));
  call.note("public", access == db::PortAccess::kPublic ? "true" : "false");
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  const std::string& id = found.sandbox.id;
  // First what may fail, so that an error means that nothing was changed.
  API_CO_TRY_ASSIGN(Ports ports, co_await gather(services, *found.agent, id));
  API_CO_TRY(db_answer(
      co_await services.database_pool.run([&] { return services.ports.set(id, number, access); })));
  services.forget_place(id);
  Port& port = ports[number];
  port.is_public = access == db::PortAccess::kPublic;
  co_return co_await call.send_json(
      200, json::serialize(port_object(services.proxy_settings, {id, number}, port)));
}

Task<Answer<void>> make_port_url(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::uint16_t number, parse_port(call.param(1)));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  JsonFields fields(body);
  const std::int64_t expires_sec = fields.integer("expires_sec", kExpiry);
  API_CO_TRY(fields.status());
  call.note("port", concat(number));
  call.note("expires_sec", concat(expires_sec));
  API_CO_TRY_ASSIGN(const OnHost found, co_await find_running(services, call));
  const std::string& id = found.sandbox.id;
  const PortAddress address{id, number};
  const std::int64_t expires = base::unix_ms_now() / 1000 + expires_sec;
  const std::string token = services.access_key.preview_token(address, expires);
  json::object out;
  out["url"] = signed_url(services.proxy_settings.host_url(address), token);
  out["path_url"] = signed_url(services.proxy_settings.path_url(address), token);
  out["expires_at"] = base::rfc3339(expires * 1000).substr(0, 19) + "Z";
  out["traffic_token"] = services.access_key.traffic_token(id);
  out["traffic_header"] = proxy::kTrafficHeader;
  co_return co_await call.send_json(200, json::serialize(out));
}

Answer<void> check_place(const ProxySettings& settings, const net::Request& request) {
  const auto url = meant_url(settings, request);
  if (!url) return {};
  return refuse(ApiCode::kMisdirected,
                concat("this is the API; ports of sandboxes are at another address: ", *url));
}

}  // namespace wrenn::control
