// Hibernation: a paused sandbox in object storage, on no host, until it is woken on any of them.
//
// Where it is at each moment: on its host while the row says hibernating (or, if the end of it was
// not heard, in storage: the reconciler looks), in storage alone while it is hibernated. It is
// woken as the new host's, and the archive is removed when it runs; until then it can be woken once
// more.
#pragma once

#include <optional>
#include <string>

#include "control/lifecycle.h"

namespace wrenn::control {

// A running one is paused first, and stays so when the rest fails. kConflict when its host has no
// object storage, kInvalidState for what is neither running nor asleep.
net::Task<Answer<Changed>> hibernate_sandbox(LifecycleServices services, db::Sandbox sandbox);

// Of a hibernated row: on the first host that can. Nothing when somebody else changed the row
// first. `limit` is for each host. On failure it is hibernated as before.
net::Task<Answer<std::optional<Changed>>> wake_from_archive(LifecycleServices services,
                                                            db::Sandbox sandbox,
                                                            db::LifecycleSettings settings,
                                                            base::Duration limit);

// What the row says is stale, through any host.
net::Task<Answer<void>> remove_stale_archive(LifecycleServices services, std::string sandbox_id);

}  // namespace wrenn::control
