// NetworkPolicy: what a sandbox may reach of the Internet. Pure and thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace wrenn::db {

// Public IPv4 addresses only, whatever it says. Both lists have addresses and CIDR blocks.
struct NetworkPolicy {
  bool allow_internet_access = true;   // False: everything but allow_out is refused.
  std::vector<std::string> allow_out;  // What is in one of them is not refused by deny_out.
  std::vector<std::string> deny_out;

  bool operator==(const NetworkPolicy&) const = default;
};

// As a row has it: empty for one that restricts nothing, else JSON. The same policy is always the
// same text.
std::string network_to_text(const NetworkPolicy& policy);
base::Result<NetworkPolicy> network_from_text(const std::string& text);  // kDataLoss

}  // namespace wrenn::db
