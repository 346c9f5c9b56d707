// Builds of templates over the API.
#pragma once

#include <string>

#include "control/api/call.h"
#include "control/api/errors.h"
#include "db/build_store.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// As GET /v1/builds/{id} answers it. Its definition does not matter.
std::string build_json(const db::Build& build);

net::Task<Answer<void>> create_build(Services& services, Call& call);
net::Task<Answer<void>> list_builds(Services& services, Call& call);
net::Task<Answer<void>> get_build(Services& services, Call& call);
net::Task<Answer<void>> cancel_build(Services& services, Call& call);
// Lines of JSON; with follow=true until the build is over, and then with its end.
net::Task<Answer<void>> build_logs(Services& services, Call& call);

// The archives with files of builds, by their digests.
net::Task<Answer<void>> find_build_context(Services& services, Call& call);
net::Task<Answer<void>> store_build_context(Services& services, Call& call);
// What clients are told of an error of the ContextStore.
ApiError from_build_files(const base::Error& error);

}  // namespace wrenn::control
