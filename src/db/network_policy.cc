#include "db/network_policy.h"

#include <boost/json.hpp>

namespace wrenn::db {
namespace {

namespace json = boost::json;

json::array array_of(const std::vector<std::string>& entries) {
  json::array array(entries.begin(), entries.end());
  return array;
}

std::unexpected<base::Error> broken() {
  return base::fail(base::Code::kDataLoss, "a broken network of a sandbox in the database");
}

base::Result<std::vector<std::string>> entries_of(const json::object& object,
                                                  std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return broken();
  std::vector<std::string> entries;
  for (const json::value& entry : value->get_array()) {
    if (!entry.is_string()) return broken();
    entries.emplace_back(entry.get_string());
  }
  return entries;
}

}  // namespace

std::string network_to_text(const NetworkPolicy& policy) {
  if (policy == NetworkPolicy()) return {};
  return json::serialize(json::object{{"allow_internet_access", policy.allow_internet_access},
                                      {"allow_out", array_of(policy.allow_out)},
                                      {"deny_out", array_of(policy.deny_out)}});
}

base::Result<NetworkPolicy> network_from_text(const std::string& text) {
  NetworkPolicy policy;
  if (text.empty()) return policy;
  json::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return broken();
  const json::object& object = value.get_object();
  const json::value* const allows = object.if_contains("allow_internet_access");
  if (allows == nullptr || !allows->is_bool()) return broken();
  policy.allow_internet_access = allows->get_bool();
  WRENN_TRY_ASSIGN(policy.allow_out, entries_of(object, "allow_out"));
  WRENN_TRY_ASSIGN(policy.deny_out, entries_of(object, "deny_out"));
  return policy;
}

}  // namespace wrenn::db
