#include "agent/machine.h"

#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <thread>

namespace wrenn::agent {
namespace {

std::string architecture() {
  utsname names{};
  if (::uname(&names) != 0) return "unknown";
  const std::string_view machine(names.machine);
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return std::string(machine);
}

}  // namespace

Machine machine_now(const base::Path& directory) {
  constexpr std::uint64_t kMiB = 1u << 20;
  Machine machine{.arch = architecture(),
                  .cpu_cores = std::max(1u, std::thread::hardware_concurrency()),
                  .memory = host_memory()};
  std::error_code error;
  const auto space = std::filesystem::space(directory, error);
  if (error) return machine;
  machine.disk_mb = space.capacity / kMiB;
  machine.disk_free_mb = space.available / kMiB;
  return machine;
}

}  // namespace wrenn::agent
