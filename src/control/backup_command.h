// `wrenn-cp backup` and `wrenn-cp restore`: the database in one file, and back. Blocking.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "control/encryption_key.h"

namespace wrenn::control {

// Whether the encryption key may be missing, or be another one than the copy needs.
enum class KeyDemand { kNeeded, kWaived };

struct BackupRequest {
  base::Secret database;  // As open_and_migrate() takes it; kFailedPrecondition for PostgreSQL.
  EncryptionKeyPlace key;
  std::string file;  // "-": standard output, or input.
  KeyDemand key_demand = KeyDemand::kNeeded;
  bool replaces = false;  // Of restore: a database that is there is set aside.
};

// A running control plane is not disturbed. Says on standard error what was saved and what must be
// kept beside it.
base::Result<void> back_up(const BackupRequest& request);
// While no control plane runs. Says the same of what was restored.
base::Result<void> restore(const BackupRequest& request);

}  // namespace wrenn::control
