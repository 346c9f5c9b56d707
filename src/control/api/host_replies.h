// The bodies of answers about hosts. Pure and thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "db/host_capacity.h"
#include "db/host_registry.h"

namespace wrenn::control {

// "pending", "online", "draining", "unreachable" or "offline".
std::string_view shown_status(const db::RegisteredHost& host);

// What may be promised to sandboxes on a host, and what is.
struct HostRoom {
  db::HostLoads loads;  // Of those that are answered.
  db::Overcommit overcommit;
};

std::string host_json(const db::RegisteredHost& host, const HostRoom& room = {});
std::string hosts_json(const std::vector<db::RegisteredHost>& hosts, const HostRoom& room);
std::string host_with_token_json(const db::RegisteredHost& host, const base::Secret& token);
std::string host_with_sandboxes_json(const db::RegisteredHost& host,
                                     const std::vector<std::string>& sandbox_ids);
// For its agent.
std::string registered_host_json(const db::RegisteredHost& host, const std::string& authority);
std::string renewed_certificate_json(const db::HostCertificate& certificate,
                                     const std::string& authority);

}  // namespace wrenn::control
