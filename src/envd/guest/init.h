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

// All is checked before anything is changed. A request that is older than one before it changes
// nothing but the random generator: it was overtaken. kInvalidArgument for what is wrong in the
// request; other errors: the kernel refused a part, and the rest has been done. Blocking, but
// brief.
base::Result<void> apply_init(const ::envd::InitRequest& request, GuestSettings& settings);

// True when the guest's clock is off by so much (more than 50 ms behind the host's or 5 s ahead)
// that it is better set than left alone. Nanoseconds.
bool clock_needs_step(std::int64_t guest, std::int64_t host);

// The text of /etc/hosts with the name for 127.0.1.1.
std::string hosts_with_name(std::string_view hosts, std::string_view name);

}  // namespace wrenn::envd
