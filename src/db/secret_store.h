// Secrets that the installation makes for itself and keeps, such as the key that signs addresses of
// previews. Blocking, thread-safe.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "db/database.h"

namespace wrenn::db {

class SecretStore {
 public:
  // The database must be migrated and outlive the store.
  explicit SecretStore(Database& database) : database_(database) {}

  // 32 random bytes as 64 hexadecimal digits: made at the first call for this name and the same
  // ever after, also when several processes ask for the first time at once.
  base::Result<base::Secret> get_or_create(std::string_view name);

 private:
  Database& database_;
};

}  // namespace wrenn::db
