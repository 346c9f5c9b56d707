// `wrenn-cp key ...`: API keys from the command line. Blocking.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::control {

// Each opens the database and creates it when it is missing; a running control plane may use it at
// the same time. They write to standard output.
base::Result<void> create_key(const base::Path& database, const std::string& name);
base::Result<void> list_keys(const base::Path& database);
base::Result<void> revoke_key(const base::Path& database, const std::string& id);

}  // namespace wrenn::control
