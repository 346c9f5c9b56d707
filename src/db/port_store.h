// The ports of sandboxes that anybody may reach. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "db/database.h"

namespace wrenn::db {

enum class PortAccess { kPrivate, kPublic };

// A port is private unless it was made public. All of a sandbox's are forgotten when it ends: see
// SandboxStore::transition.
class PortStore {
 public:
  // The database must be migrated and outlive the store.
  explicit PortStore(Database& database) : database_(database) {}

  // What it was before does not matter. kNotFound for a sandbox that is unknown or has ended.
  base::Result<void> set(std::string_view sandbox_id, std::uint16_t port, PortAccess access);
  base::Result<bool> is_public(std::string_view sandbox_id, std::uint16_t port);
  // The public ones, by number.
  base::Result<std::vector<std::uint16_t>> list(std::string_view sandbox_id);

 private:
  Database& database_;
};

}  // namespace wrenn::db
