// Connection: one connection to a database, of whichever kind. For this folder's own sources; used
// by one thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "db/database.h"

namespace wrenn::db {

// kWriteAlone: nobody else has the database open, nor another connection of ours.
enum class Access { kRead, kWrite, kWriteAlone };

class Connection {
 public:
  virtual ~Connection() = default;

  // One statement. `rows` may be null: then what it answers is dropped. The number of rows it
  // changed.
  virtual base::Result<std::int64_t> run(std::string_view sql, const std::vector<Value>& args,
                                         std::vector<Row>* rows) = 0;
  virtual base::Result<void> script(const std::string& sql) = 0;
  virtual base::Result<void> begin(TransactionKind kind) = 0;
  virtual base::Result<void> commit() = 0;
  virtual base::Result<void> roll_back() = 0;
};

}  // namespace wrenn::db
