// PostgreSQL behind Connection, by libpq. For this folder's own sources.
#pragma once

#include <memory>

#include "base/secret.h"
#include "db/connection.h"

namespace wrenn::db {

// Connects at once.
base::Result<std::unique_ptr<Connection>> connect_postgres(const base::Secret& url, Access access);
// Connects when it is used first.
std::unique_ptr<Connection> postgres_later(const base::Secret& url, Access access);

}  // namespace wrenn::db
