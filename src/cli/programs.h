// The other programs of Wrenn: where they are, and how short calls of them are made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/jail.h"
#include "base/result.h"
#include "base/time.h"

namespace wrenn::cli {

// Beside this very program, then in PATH. kNotFound with what to do.
base::Result<base::Path> find_program(std::string_view name);

// The environment that children get: what the system needs and Wrenn's own settings; never a key.
std::vector<std::string> child_environment();

inline constexpr std::uint64_t kServerFiles = 65536;  // Open files of a server.

// A plain child with our privileges and our standard streams. Waits for it.
base::Result<base::ExitStatus> run_program(std::vector<std::string> argv);

struct Captured {
  base::ExitStatus status;
  std::string output;
};
// Runs it and keeps its standard output, up to 1 MiB; what it wrote to standard error goes to
// `stderr_fd`. Killed after `limit`: kDeadlineExceeded.
base::Result<Captured> capture(base::JailSpec spec, int stderr_fd, base::Duration limit);

// "ended with status 3", "was killed by signal 9".
std::string describe(const base::ExitStatus& status);

}  // namespace wrenn::cli
