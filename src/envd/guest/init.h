// POST /init: what the guest learns after it was booted or restored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "envd/actor.h"
#include "envd/guest/guest_identity.h"
#include "proto/envd.pb.h"

namespace wrenn::envd {

// What is still to be written to files of the guest.
struct GuestNames {
  std::string hostname;  // Empty: stays as it is.
  GuestIdentity identity;
};

// All is checked before anything is changed. A request that is older than one before it changes
// nothing but the random generator and gives no names: it was overtaken. kInvalidArgument for what
// is wrong in the request; other errors: the kernel refused a part, and the rest has been done.
// Blocking, but brief.
base::Result<GuestNames> apply_init(const ::envd::InitRequest& request, GuestSettings& settings);

// /etc/hosts and the files of write_identity. Apart, since a dozen files take an emulated guest
// that was just restored as long as all the rest, and only commands read them: the answer to /init
// need not wait. An error is logged, and the rest goes on. Blocking, but brief.
void write_names(const GuestNames& names);

// True when the guest's clock is off by so much (more than 50 ms behind the host's or 5 s ahead)
// that it is better set than left alone. Nanoseconds.
bool clock_needs_step(std::int64_t guest, std::int64_t host);

// The text of /etc/hosts with the name for 127.0.1.1.
std::string hosts_with_name(std::string_view hosts, std::string_view name);

}  // namespace wrenn::envd
