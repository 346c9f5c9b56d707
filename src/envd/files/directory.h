// What is in a directory. Blocking.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "base/result.h"

namespace wrenn::envd {

enum class Follow { kNo, kYes };

// For reading; kInvalidArgument when it is no directory, or a link that is not to be followed.
base::Result<base::Fd> open_directory(int parent, const std::string& path, Follow follow);

struct Child {
  std::string name;
  unsigned char type;  // DT_DIR, ...; DT_UNKNOWN where the file system does not say.
};

// What is held in memory of one directory, some 30 MB.
inline constexpr std::size_t kMaxChildren = 500'000;

// In no order, without "." and ".."; the first `limit` of them.
base::Result<std::vector<Child>> read_children(const base::Fd& directory,
                                               std::size_t limit = kMaxChildren);

}  // namespace wrenn::envd
