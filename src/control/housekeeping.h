// What the database need not remember any more is forgotten every hour. Several control planes may
// do it at once.
#pragma once

#include <chrono>

#include "control/services.h"

namespace wrenn::control {

// Until it is stopped. Entries of the log of changes stay for so long; 0: for ever.
net::Task<void> keep_house(Services& services, std::chrono::days audit_retention);
// One part of it: forgets the entries that are older.
net::Task<base::Result<void>> forget_old_audit(Services& services,
                                               std::chrono::days audit_retention);
// As long as this control plane lives, others leave alone what it changes. Until it is stopped.
net::Task<void> keep_holds(Services& services);

}  // namespace wrenn::control
