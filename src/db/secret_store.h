// Secrets that the installation makes for itself and keeps, such as the key that signs addresses of
// previews: sealed, each for its name, under a key that is not in the database. Blocking,
// thread-safe.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/sealer.h"
#include "base/secret.h"
#include "db/database.h"

namespace wrenn::db {

class SecretStore {
 public:
  // The database must be migrated and outlive the store.
  SecretStore(Database& database, base::Sealer sealer)
      : database_(database), sealer_(std::move(sealer)) {}

  // Whether there are secrets already that open with their key alone.
  static base::Result<bool> has_sealed(Database& database);
  // Whether the key opens all that are sealed; errors as of get_or_create(). Changes nothing.
  base::Result<void> check_key();
  // Opens all there are, so that a wrong key is found at the start, and seals those that an earlier
  // version stored as they are. All or nothing; errors as of get_or_create().
  base::Result<void> seal_all();

  // 32 random bytes as 64 hexadecimal digits: made at the first call for this name and the same
  // ever after, also when several processes ask for the first time at once. kFailedPrecondition
  // when the key is not the one it was sealed with, kDataLoss when it is no secret; both have a
  // remedy.
  base::Result<base::Secret> get_or_create(std::string_view name);

 private:
  Database& database_;
  const base::Sealer sealer_;
};

}  // namespace wrenn::db
