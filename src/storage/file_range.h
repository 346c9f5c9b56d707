// Bytes at a place in a file. Blocking.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace wrenn::storage {

base::Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset);
// What is from `offset` to `end`, to the same place; on any two file systems. kAborted when `from`
// ends before.
base::Result<void> copy_range(int from, int to, std::uint64_t offset, std::uint64_t end);
// All of `from`, to the same places of an empty file: its data only, so that holes stay holes.
base::Result<void> copy_sparse(int from, int to);
// kInvalidArgument when it is not a regular file.
base::Result<std::uint64_t> file_size(int fd);
// A hole at the end, if it is smaller.
base::Result<void> grow(int fd, std::uint64_t bytes);

}  // namespace wrenn::storage
