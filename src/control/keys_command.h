// `wrenn-cp key ...`: API keys from the command line. Blocking.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::control {

// Each opens the database, as open_and_migrate() does; a running control plane may use it at
// the same time. They write to standard output.
base::Result<void> create_key(const base::Secret& database, const std::string& name);
base::Result<void> list_keys(const base::Secret& database);
base::Result<void> revoke_key(const base::Secret& database, const std::string& id);

}  // namespace wrenn::control
