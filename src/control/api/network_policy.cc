#include "control/api/network_policy.h"

#include <optional>
#include <string>

#include <boost/json.hpp>

#include "base/ipv4.h"
#include "base/strings.h"
#include "control/api/json_fields.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;
using base::concat;

constexpr std::size_t kMaxEntries = 256;

// The mistake in an entry, if there is one.
std::optional<std::string> mistake_in(std::string_view entry, bool is_allowed) {
  const auto block = base::Ipv4Block::parse(entry);
  if (!block) return concat(block.error().message, "; ", block.error().remedy);
  if (!is_allowed) return std::nullopt;
  if (const auto special = base::find_special(*block)) {
    return concat('\'', entry, "' is in ", special->to_string(),
                  ", and sandboxes reach public addresses only; leave it out");
  }
  return std::nullopt;
}

std::vector<std::string> read_entries(JsonFields& fields, std::string_view name, bool is_allowed) {
  std::vector<std::string> entries = fields.texts(name, kMaxEntries);
  for (const std::string& entry : entries) {
    if (const auto mistake = mistake_in(entry, is_allowed)) {
      fields.fail(concat(name, ": ", *mistake));
    }
  }
  return entries;
}

db::NetworkPolicy read_policy(JsonFields& fields) {
  return {.allow_internet_access = fields.boolean("allow_internet_access", true),
          .allow_out = read_entries(fields, "allow_out", true),
          .deny_out = read_entries(fields, "deny_out", false)};
}

}  // namespace

db::NetworkPolicy read_network(JsonFields& fields) {
  JsonFields own = fields.object("network");
  db::NetworkPolicy policy = read_policy(own);
  if (const auto read = own.status(); !read) {
    fields.fail(concat("network.", read.error().message));
  }
  return policy;
}

Answer<db::NetworkPolicy> parse_network(std::string_view body) {
  JsonFields fields(body);
  db::NetworkPolicy policy = read_policy(fields);
  API_TRY(fields.status());
  return policy;
}

json::object network_object(const db::NetworkPolicy& policy) {
  return {{"allow_internet_access", policy.allow_internet_access},
          {"allow_out", json::array(policy.allow_out.begin(), policy.allow_out.end())},
          {"deny_out", json::array(policy.deny_out.begin(), policy.deny_out.end())}};
}

void to_rpc(const db::NetworkPolicy& policy, hostagent::v1::NetworkPolicy& message) {
  message.set_deny_internet(!policy.allow_internet_access);
  message.mutable_allow_out()->Assign(policy.allow_out.begin(), policy.allow_out.end());
  message.mutable_deny_out()->Assign(policy.deny_out.begin(), policy.deny_out.end());
}

bool can_be_allowed(std::string_view address) {
  const auto parsed = base::Ipv4::parse(address);
  return parsed && !base::find_special({*parsed});
}

}  // namespace wrenn::control
