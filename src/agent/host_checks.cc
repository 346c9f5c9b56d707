#include "agent/host_checks.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>

#include <cerrno>

#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::concat;

// Of wrenn-agent.service, and of `wrenn up`.
constexpr rlim_t kOpenFiles = 65536;
// Each sandbox has two neighbours, one at either end of its link.
constexpr std::uint64_t kNeighbours = 4096;
constexpr std::uint64_t kProcessIds = 65536;
constexpr std::string_view kSettingsFile = "/etc/sysctl.d/60-wrenn.conf";

Check good(std::string name, std::string detail) {
  return {std::move(name), CheckStatus::kOk, std::move(detail), ""};
}
Check warning(std::string name, std::string detail, std::string remedy) {
  return {std::move(name), CheckStatus::kWarn, std::move(detail), std::move(remedy)};
}

bool is_there(const base::Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::optional<std::uint64_t> number_in(const base::Path& path) {
  const auto text = base::read_file(path);
  return text ? base::parse_int<std::uint64_t>(base::trim(*text)) : std::nullopt;
}

Check check_kvm(const KernelFiles& files) {
  const std::string name = "hardware virtualization";
  if (is_there(files.dev / "kvm")) return good(name, "/dev/kvm is there");
  const auto cpu = base::read_file(files.proc / "cpuinfo");
  const bool has_flag =
      cpu && (cpu->find(" vmx") != std::string::npos || cpu->find(" svm") != std::string::npos);
  if (has_flag) {
    return warning(name, "the processor has it, and /dev/kvm is missing",
                   "load the kernel module: modprobe kvm_intel, or modprobe kvm_amd");
  }
  return warning(name, "the processor does not offer it, so sandboxes are emulated",
                 "turn it on in the firmware; of a machine that is virtual itself, have nested "
                 "virtualization turned on");
}

Check check_settings(const KernelFiles& files) {
  const std::string name = "kernel settings";
  const base::Path settings = files.proc / "sys";
  std::vector<std::string> wrong;
  if (number_in(settings / "net/ipv4/ip_forward") != 1) {
    wrong.emplace_back("net.ipv4.ip_forward is off until the agent turns it on");
  }
  const auto neighbours = number_in(settings / "net/ipv4/neigh/default/gc_thresh3");
  if (neighbours && *neighbours < kNeighbours) {
    wrong.push_back(concat("net.ipv4.neigh.default.gc_thresh3 is ", *neighbours,
                           ", too few for some hundreds of sandboxes"));
  }
  const auto pids = number_in(settings / "kernel/pid_max");
  if (pids && *pids < kProcessIds) wrong.push_back(concat("kernel.pid_max is only ", *pids));
  if (number_in(settings / "vm/overcommit_memory") == 2) {
    wrong.emplace_back(
        "vm.overcommit_memory is 2, with which memory that sandboxes do not use counts too");
  }
  if (wrong.empty()) return good(name, "forwarding, neighbours, processes and memory are set well");
  return warning(name, base::join(wrong, "; "),
                 concat("set what is named in ", kSettingsFile, ", then run sysctl --system"));
}

Check check_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= kOpenFiles) {
    return good("open files", "as many as are needed");
  }
  return warning("open files", concat("at most ", limit.rlim_max, " of ", kOpenFiles),
                 "raise the hard limit (ulimit -Hn, LimitNOFILE= of a service)");
}

// Certificates, signed addresses and tokens are all good for a time.
Check check_clock() {
  timex state{};
  const int answer = ::adjtimex(&state);
  if (answer >= 0 && (state.status & STA_UNSYNC) == 0) return good("clock", "is kept right");
  return warning("clock", "nothing keeps it right",
                 "apt install chrony, or timedatectl set-ntp true; a virtual machine may get the "
                 "time from its host");
}

bool is_encrypted(const base::Path& device, const KernelFiles& files) {
  std::error_code ignored;
  const auto real = std::filesystem::canonical(device, ignored).filename();
  const auto uuid = base::read_file(files.sys / "class/block" / real / "dm/uuid");
  return uuid && uuid->starts_with("CRYPT-");
}

Check check_swap(const KernelFiles& files) {
  const auto text = base::read_file(files.proc / "swaps");
  if (!text) return good("swap", "none");
  std::vector<std::string> plain;
  std::size_t count = 0;
  for (const auto line : base::split(*text, '\n')) {
    const std::string_view name = line.substr(0, line.find_first_of(" \t"));
    if (!name.starts_with('/')) continue;
    ++count;
    const bool is_memory = name.find("/zram") != std::string_view::npos;
    if (!is_memory && !is_encrypted(base::Path(name), files)) plain.emplace_back(name);
  }
  if (plain.empty()) return good("swap", count == 0 ? "none" : "encrypted, or in memory");
  return warning(
      "swap",
      concat("memory of sandboxes may be written to ", base::join(plain, ", "), " as it is"),
      "swapoff it, or encrypt it (crypttab, option swap); zram is fine");
}

std::string disk_name(const base::Path& entry) {
  std::error_code ignored;
  return std::filesystem::canonical(entry, ignored).filename().native();
}

Check check_disk(const base::Path& directory, const KernelFiles& files) {
  const std::string name = "disk type";
  struct stat info{};
  if (::stat(directory.c_str(), &info) != 0) {
    return warning(name, concat(directory.native(), " is not there yet"), "");
  }
  if (major(info.st_dev) == 0) {
    return good(name, concat(directory.native(), " is on no disk of its own that could be seen"));
  }
  const base::Path entry =
      files.sys / "dev/block" / concat(major(info.st_dev), ":", minor(info.st_dev));
  auto rotates = number_in(entry / "queue/rotational");
  // A partition is described by its disk.
  if (!rotates) rotates = number_in(entry / ".." / "queue/rotational");
  if (rotates != 1) return good(name, concat(disk_name(entry), ", which does not rotate"));
  return warning(name, concat(disk_name(entry), " says that it rotates"),
                 "put $WRENN_DIR on an SSD: every start, pause and copy waits for the disk");
}

}  // namespace

std::vector<Check> check_host_settings(const base::Path& directory, const KernelFiles& files) {
  return {check_kvm(files), check_settings(files), check_open_files(),
          check_clock(),    check_swap(files),     check_disk(directory, files)};
}

}  // namespace wrenn::agent
