// SQLite behind Connection. For this folder's own sources.
#pragma once

#include <memory>

#include "base/files.h"
#include "db/connection.h"

namespace wrenn::db {

// Made by us and not by SQLite, so that it is private from its first moment; SQLite gives its log
// and index files the same mode. To be called while SQLite does not have the file open: closing any
// descriptor of a file gives up all locks that the process has on it, and another process would
// then take itself for the last one and delete the log under our feet.
base::Result<void> make_private_file(const base::Path& path);
// Of a file that is there.
base::Result<std::unique_ptr<Connection>> open_sqlite(const base::Path& path, Access access);

}  // namespace wrenn::db
