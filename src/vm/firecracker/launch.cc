#include "vm/firecracker/launch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/elf.h"
#include "base/strings.h"
#include "vm/firecracker/api.h"
#include "vm/firecracker/version.h"
#include "vm/jail.h"
#include "vm/program_output.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr const char* kJailBinary = "/firecracker";
constexpr std::size_t kPipeBytes = 64 * 1024;

// Root runs it, so nobody else may have made it.
Result<void> check_owner(const base::Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return base::fail(Code::kNotFound, concat("there is no ", path.native()),
                      "install it: wrenn setup firecracker");
  }
  if (!S_ISREG(info.st_mode) || info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
      (info.st_mode & S_IXUSR) == 0) {
    return base::fail(Code::kFailedPrecondition,
                      concat(path.native(), " is no program that only root can change"),
                      concat("chown root:root ", path.native(), " && chmod 0755 ", path.native()));
  }
  return {};
}

// Letters, digits and "-", at most 64.
std::string instance_id(const VmSpec& spec) {
  constexpr std::size_t kMaxLength = 64;
  std::string id = spec.id.substr(0, kMaxLength);
  const auto is_other = [](char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return !is_letter && !(c >= '0' && c <= '9');
  };
  std::ranges::replace_if(id, is_other, '-');
  return id.empty() ? "vm" : id;
}

// A pipe with a name. It never blocks who writes: what does not fit is lost, which Firecracker
// counts. Open at both ends, so that it keeps what was written whoever comes and goes.
Result<base::Fd> make_pipe(const base::Path& path, uid_t uid) {
  if (::mkfifo(path.c_str(), 0600) != 0 || ::lchown(path.c_str(), uid, uid) != 0) {
    return base::fail_errno(errno, concat("cannot make ", path.native()));
  }
  return base::open_file(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
}

}  // namespace

Result<Binary> find_binary(const base::Path& path) {
  WRENN_TRY(check_owner(path));
  WRENN_TRY_ASSIGN(const base::ElfFacts elf, base::read_elf(path));
  WRENN_TRY_ASSIGN(const std::string version, output_of({path.native(), "--version"}));
  Binary binary{.path = path,
                .version = version_in(version),
                .snapshot_format = {},
                .is_static = elf.is_static};
  if (auto checked = check_version(binary.version); !checked) {
    return base::fail(std::move(checked).error().with_context(path.native()));
  }
  WRENN_TRY_ASSIGN(const std::string format, output_of({path.native(), "--snapshot-version"}));
  binary.snapshot_format = version_in(format);
  if (!binary.snapshot_format.empty()) return binary;
  return base::fail(Code::kFailedPrecondition,
                    concat(path.native(), " does not tell which snapshots it reads"),
                    "install a release of Firecracker: wrenn setup firecracker");
}

std::string in_jail(std::string_view file) {
  return concat(kJailVm, '/', file);
}

base::JailSpec make_jail(const Binary& binary, const VmSpec& spec, const base::Path& device_dir) {
  base::JailSpec jail;
  jail.argv = {kJailBinary, "--api-sock", in_jail(kApiSocket), "--id", instance_id(spec)};
  if (!binary.is_static) base::add_system_files(jail);
  jail.binds.push_back({binary.path, kJailBinary});
  jail.binds.push_back({spec.directory, kJailVm, base::MountAccess::kReadWrite});
  if (spec.disk_format == DiskFormat::kDevice) {
    jail.binds.push_back(
        {spec.directory / spec.disk_file, in_jail(spec.disk_file), base::MountAccess::kDevice});
  }
  const auto add_device = [&](const char* name, const char* as) {
    jail.binds.push_back({device_dir / name, as, base::MountAccess::kDevice});
  };
  add_device("kvm", "/dev/kvm");
  if (!spec.tap_name.empty()) add_device("tun", "/dev/net/tun");
  confine(jail, spec, Devices::kOpened);
  return jail;
}

Result<Started> launch(base::JailSpec jail, const VmSpec& spec) {
  WRENN_TRY_ASSIGN(const base::Fd console, make_pipe(spec.directory / kConsolePipe, spec.uid));
  WRENN_TRY_ASSIGN(base::Fd log, make_pipe(spec.directory / kLogPipe, spec.uid));
  jail.fds.push_back({console.get(), 1});
  jail.fds.push_back({log.get(), 2});
  WRENN_TRY_ASSIGN(auto process, base::spawn(jail));
  return Started{std::move(process), std::move(log)};
}

Result<std::string> read_pipe(const base::Path& path) {
  WRENN_TRY_ASSIGN(const base::Fd pipe, base::open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  struct stat info{};
  if (::fstat(pipe.get(), &info) != 0) return base::fail_errno(errno, "fstat");
  if (!S_ISFIFO(info.st_mode)) {
    return base::fail(Code::kPermissionDenied, concat(path.native(), " is no pipe any more"));
  }
  return read_pipe(pipe.get());
}

std::string read_pipe(int fd) {
  std::string text(kPipeBytes, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::read(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  text.resize(done);
  return text;
}

// A guest that panics or reboots resets the keyboard controller, which is how Firecracker learns to
// end. It has no keyboard and no mouse, and looking for them takes time. PCI it switches off
// itself.
std::string kernel_command_line() {
  return "console=ttyS0 quiet panic=-1 reboot=k audit=0 cryptomgr.notests i8042.noaux i8042.nomux "
         "i8042.dumbkbd";
}

}  // namespace wrenn::vm::firecracker
