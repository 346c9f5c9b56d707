// Hosts as the API describes them. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

class Paint;

struct Host {
  std::string id;
  std::string name;
  std::string type;    // "regular", or "byoc": a team's own.
  std::string status;  // "pending", "online", "draining", "unreachable", "offline"
  std::string address;
  std::int64_t cpu_cores = 0;  // These three: 0 until it registers.
  std::int64_t memory_mb = 0;
  std::int64_t disk_gb = 0;
  std::string last_seen_at;
  std::vector<std::string> labels;  // NAME=VALUE
};

// kInternal when the reply is not what the API promises.
base::Result<std::vector<Host>> parse_host_list(std::string_view json);
// "registration_token" of the reply to a new host.
base::Result<std::string> parse_registration_token(std::string_view json);
// By name, or by id. kNotFound.
base::Result<Host> find_host(const std::vector<Host>& hosts, std::string_view name_or_id);

// The table of `host ls`. `now_ms`: milliseconds since 1970.
std::string host_table(const std::vector<Host>& hosts, std::int64_t now_ms, const Paint& paint);

}  // namespace wrenn::cli
