#include "control/api/host_replies.h"

#include <boost/json.hpp>

#include "base/time.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

json::object amounts_object(const db::Amounts& amounts) {
  return {{"vcpus", amounts.vcpus}, {"memory_mb", amounts.memory_mb}, {"disk_mb", amounts.disk_mb}};
}

json::object host_object(const db::RegisteredHost& host, const HostRoom& room = {}) {
  json::object out{{"id", host.host.id},
                   {"name", host.host.name},
                   {"type", host.host.team_id ? "byoc" : "regular"},
                   {"status", shown_status(host)},
                   {"is_registered", host.host.is_registered},
                   {"created_at", base::rfc3339(host.host.created_at)}};
  if (host.host.team_id) out["team_id"] = *host.host.team_id;
  if (!host.host.address.empty()) out["address"] = host.host.address;
  if (!host.proxy_address.empty()) out["proxy_address"] = host.proxy_address;
  if (!host.specs.arch.empty()) {
    out["arch"] = host.specs.arch;
    out["cpu_cores"] = host.specs.cpu_cores;
    out["memory_mb"] = host.specs.memory_mb;
    out["disk_gb"] = host.specs.disk_gb;
  }
  if (const auto load = room.loads.find(host.host.id); load != room.loads.end()) {
    out["allocated"] = amounts_object(load->second);
    out["allocatable"] = amounts_object(db::most_of(host.host.capacity, room.overcommit));
  }
  if (host.host.last_seen_at) out["last_seen_at"] = base::rfc3339(*host.host.last_seen_at);
  if (host.last_heartbeat_at) {
    out["last_heartbeat_at"] = base::rfc3339(*host.last_heartbeat_at);
  }
  if (host.certificate.ends_at > 0) {
    out["certificate_expires_at"] = base::rfc3339(host.certificate.ends_at);
  }
  if (!host.host.labels.empty()) {
    json::object labels;
    for (const auto& [name, value] : host.host.labels) labels.emplace(name, value);
    out["labels"] = std::move(labels);
  }
  if (host.created_by) out["created_by"] = *host.created_by;
  return out;
}

}  // namespace

std::string_view shown_status(const db::RegisteredHost& host) {
  if (host.host.is_registered && host.is_pending()) return "pending";
  const bool is_online = host.host.status == db::HostStatus::kOnline;
  return is_online && host.host.is_draining ? "draining" : status_name(host.host.status);
}

std::string host_json(const db::RegisteredHost& host, const HostRoom& room) {
  return json::serialize(host_object(host, room));
}

std::string hosts_json(const std::vector<db::RegisteredHost>& hosts, const HostRoom& room) {
  json::array out;
  for (const auto& host : hosts) out.push_back(host_object(host, room));
  return json::serialize(out);
}

std::string host_with_token_json(const db::RegisteredHost& host, const base::Secret& token) {
  return json::serialize(
      json::object{{"host", host_object(host)}, {"registration_token", token.reveal()}});
}

std::string host_with_sandboxes_json(const db::RegisteredHost& host,
                                     const std::vector<std::string>& sandbox_ids) {
  return json::serialize(
      json::object{{"host", host_object(host)},
                   {"sandbox_ids", json::array(sandbox_ids.begin(), sandbox_ids.end())}});
}

std::string registered_host_json(const db::RegisteredHost& host, const std::string& authority) {
  return json::serialize(json::object{
      {"host", host_object(host)}, {"cert_pem", host.certificate.pem}, {"ca_cert_pem", authority}});
}

std::string renewed_certificate_json(const db::HostCertificate& certificate,
                                     const std::string& authority) {
  return json::serialize(json::object{{"cert_pem", certificate.pem}, {"ca_cert_pem", authority}});
}

}  // namespace wrenn::control
