// What is in a directory. Blocking.
#pragma once

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

// In no order, without "." and "..".
base::Result<std::vector<Child>> read_children(const base::Fd& directory);

}  // namespace wrenn::envd
