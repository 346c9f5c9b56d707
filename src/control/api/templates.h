// Templates over the API, where they are called snapshots.
#pragma once

#include <map>
#include <string>

#include "control/api/call.h"
#include "control/api/errors.h"
#include "db/template_store.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// The images of all hosts that answer, by name.
net::Task<Answer<std::map<std::string, db::Template>>> find_images(Services& services);

// All go on to their end when the client leaves.
net::Task<Answer<void>> create_snapshot(Services& services, Call& call);
net::Task<Answer<void>> list_snapshots(Services& services, Call& call);
net::Task<Answer<void>> delete_snapshot(Services& services, Call& call);
net::Task<Answer<void>> set_template_tag(Services& services, Call& call);
net::Task<Answer<void>> remove_template_tag(Services& services, Call& call);

}  // namespace wrenn::control
