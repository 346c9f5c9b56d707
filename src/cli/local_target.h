// LocalTarget: where a download goes: a file that appears whole or not at all, a device, or
// standard output.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/files.h"
#include "base/result.h"

namespace wrenn::cli {

class LocalTarget {
 public:
  // "-" is standard output. Inside an existing directory the file is called `name`.
  static base::Result<LocalTarget> open(std::string_view destination, std::string_view name);
  LocalTarget(LocalTarget&& other) noexcept;
  LocalTarget& operator=(LocalTarget&&) = delete;
  ~LocalTarget();  // Without commit() a half-written file is removed.

  base::Result<void> write(std::string_view bytes);
  base::Result<void> commit();

 private:
  LocalTarget() = default;
  base::Fd owned_;
  int fd_ = -1;
  base::Path temporary_;  // Empty: written in place.
  base::Path final_;
};

}  // namespace wrenn::cli
