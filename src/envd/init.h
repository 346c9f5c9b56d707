// POST /init: what the guest learns after it was booted or restored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "envd/actor.h"
#include "proto/envd.pb.h"

namespace wrenn::envd {

// All is checked before anything is changed. The clock moves only when it is more than 50 ms off.
// kInvalidArgument for what is wrong in the request; other errors: the kernel refused a part, and
// the rest has been done.
base::Result<void> apply_init(const ::envd::InitRequest& request, GuestSettings& settings);

// The text of /etc/hosts with the name for 127.0.1.1.
std::string hosts_with_name(std::string_view hosts, std::string_view name);

}  // namespace wrenn::envd
