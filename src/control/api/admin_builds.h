// Builds of the platform's own templates, in the form that clients of the reference system know:
// /v1/admin/builds. The builder is the same as that of /v1/builds.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

// JSON, or a form of `config`, which is that JSON, and `archive`, the files that it copies: a tar,
// packed by gzip or not.
net::Task<Answer<void>> create_admin_build(Services& services, Call& call);
// Without logs.
net::Task<Answer<void>> list_admin_builds(Services& services, Call& call);
net::Task<Answer<void>> get_admin_build(Services& services, Call& call);
net::Task<Answer<void>> cancel_admin_build(Services& services, Call& call);

}  // namespace wrenn::control
