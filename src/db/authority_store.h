// Who signs certificates for this installation. Blocking, thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sealer.h"
#include "base/secret.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

// Two PEM texts.
struct KeptAuthority {
  std::string certificate;
  base::Secret key;
};

class AuthorityStore {
 public:
  // The database must be migrated and outlive the store. The keys are sealed in it.
  AuthorityStore(Database& database, base::Sealer sealer, Clock clock = base::unix_ms_now)
      : database_(database), sealer_(std::move(sealer)), clock_(std::move(clock)) {}

  // Made at the first call for this name and the same ever after, also when several processes ask
  // for the first time at once. kFailedPrecondition, with a remedy, when the key was sealed with
  // another encryption key.
  base::Result<KeptAuthority> get_or_create(
      std::string_view name, const std::function<base::Result<KeptAuthority>()>& make);

 private:
  Database& database_;
  const base::Sealer sealer_;
  Clock clock_;
};

}  // namespace wrenn::db
