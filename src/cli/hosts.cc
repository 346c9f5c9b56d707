#include "cli/hosts.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/age.h"
#include "cli/json_text.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

std::unexpected<base::Error> makes_no_sense() {
  return base::fail(base::Code::kInternal, "the API's reply makes no sense",
                    "is the address that of a Wrenn API? `wrenn doctor` checks it");
}

std::vector<std::string> labels_of(const boost::json::object& host) {
  std::vector<std::string> labels;
  const auto* value = host.if_contains("labels");
  const auto* object = value == nullptr ? nullptr : value->if_object();
  if (object == nullptr) return labels;
  for (const auto& [name, text] : *object) {
    if (text.is_string()) labels.push_back(base::concat(name, "=", text.get_string()));
  }
  return labels;
}

std::string amount(std::int64_t number, std::string_view unit) {
  return number > 0 ? base::concat(number, unit) : std::string("-");
}

}  // namespace

base::Result<std::vector<Host>> parse_host_list(std::string_view json) {
  const auto value = parse_json(json);
  const auto* array = value ? value->if_array() : nullptr;
  if (array == nullptr) return makes_no_sense();
  std::vector<Host> hosts;
  for (const auto& element : *array) {
    const auto* object = element.if_object();
    if (object == nullptr) continue;
    hosts.push_back({.id = string_field(*object, "id"),
                     .name = string_field(*object, "name"),
                     .type = string_field(*object, "type"),
                     .status = string_field(*object, "status"),
                     .address = string_field(*object, "address"),
                     .cpu_cores = int_field(*object, "cpu_cores"),
                     .memory_mb = int_field(*object, "memory_mb"),
                     .disk_gb = int_field(*object, "disk_gb"),
                     .last_seen_at = string_field(*object, "last_seen_at"),
                     .labels = labels_of(*object)});
  }
  return hosts;
}

base::Result<std::string> parse_registration_token(std::string_view json) {
  const auto value = parse_json(json);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) return makes_no_sense();
  std::string token = string_field(*object, "registration_token");
  if (token.empty()) return makes_no_sense();
  return token;
}

base::Result<Host> find_host(const std::vector<Host>& hosts, std::string_view name_or_id) {
  const auto found = std::ranges::find_if(hosts, [name_or_id](const Host& host) {
    return host.name == name_or_id || host.id == name_or_id;
  });
  if (found != hosts.end()) return *found;
  return base::fail(base::Code::kNotFound, "there is no such host", "`wrenn host ls` lists them");
}

std::string host_table(const std::vector<Host>& hosts, std::int64_t now_ms, const Paint& paint) {
  Table table({"NAME", "STATUS", "ADDRESS", "CPUS", "MEMORY", "DISK", "SEEN", "LABELS", "ID"});
  for (std::size_t column = 3; column < 7; ++column) table.align_right(column);
  for (const Host& host : hosts) {
    const auto seen = parse_rfc3339(host.last_seen_at);
    table.add({host.name, host.status, host.address.empty() ? "-" : host.address,
               amount(host.cpu_cores, ""), amount(host.memory_mb, " MB"),
               amount(host.disk_gb, " GB"), seen ? human_age(now_ms - *seen) : std::string("-"),
               host.labels.empty() ? "-" : base::join(host.labels, ","), host.id});
  }
  return table.render(paint);
}

}  // namespace wrenn::cli
