// Hypervisor: how virtual machines are started, saved and restored, whatever runs them.
//
// All calls belong to one loop; blocking steps go to the pool given at construction. A VM outlives
// this process: VmProcess is a handle, and dropping it ends nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/jail.h"
#include "net/task.h"
#include "vm/memory_map.h"

namespace wrenn::vm {

enum class Accelerator { kKvm, kTcg };
std::string_view accelerator_name(Accelerator accelerator);  // "kvm", "tcg"

enum class DiskFormat {
  kRaw,
  kQcow2,
  kDevice,  // The file is the node of a block device, which its VM's user may open.
};

// A file the VM's disk is based on: read-only, seen by the hypervisor at `target`, which is the
// name the overlay uses for it.
struct BackingFile {
  base::Path source;
  base::Path target;
};

// What a VM is made of. Descriptors stay the caller's.
struct VmSpec {
  std::string id;
  int vcpus = 1;
  int memory_mb = 512;
  // The VM's own directory: holds the disk, and sockets once it runs. Belongs to `uid`.
  base::Path directory;
  // Its name inside `directory`: at most 31 letters, digits and "-._", a letter first; not "disk".
  std::string disk_file;
  DiskFormat disk_format = DiskFormat::kRaw;
  std::vector<BackingFile> backing;
  // The hypervisor runs as this user and group, used by no other process of the machine.
  uid_t uid = 0;
  int netns_fd = -1;
  // Its network card, as the hypervisor's network_card() says: a descriptor, or the name of a TAP
  // in its network namespace that belongs to `uid` and that nobody else has open. Neither: it has
  // none.
  int tap_fd = -1;
  std::string tap_name;
  std::vector<base::Path> cgroup_procs;
};

// In the VM's directory: what save_devices() wrote.
inline constexpr const char* kDevicesFile = "devices.bin";

// A guest's memory on disk: a map, and the files it speaks of by number. Nobody can write to them.
struct MemoryImage {
  base::Path map;
  std::vector<base::Path> layers;
  // A list of the pages that a guest touches first, for who brings it page by page; there may be no
  // such file.
  base::Path working_set;
};

struct BootSource {
  base::Path kernel;
  base::Path initramfs;
};

struct VmStats {
  std::uint64_t own_memory_bytes = 0;  // That it shares with nobody.
  std::uint64_t cpu_usec = 0;
};

using VmProcess = base::ChildProcess;

enum class NetworkCard { kDescriptor, kName };
enum class DiskSupport {
  kOverlays,  // Disks may lie on each other, and are switched and merged while a VM runs.
  kRawOnly,   // A disk is one whole file, which is copied while its VM stands still.
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view version() const = 0;
  virtual Accelerator accelerator() const = 0;
  virtual NetworkCard network_card() const = 0;
  virtual DiskSupport disk_support() const = 0;

  // Starts a VM from its kernel, with memory that is zero. Returns once the hypervisor runs;
  // whether the guest came up is for the caller to find out (console() helps).
  virtual net::Task<base::Result<VmProcess>> boot(const VmSpec& spec, const BootSource& source) = 0;
  // Starts a private clone of what was saved: memory is copied page by page as the guest writes.
  // Returns once the guest runs: what is sent to its network card before that is lost. It must have
  // been past its firmware, which finds no kernel any more.
  // `devices_fd`: what save_devices() wrote, open for reading. kDataLoss when the files of the
  // memory are not whole.
  virtual net::Task<base::Result<VmProcess>> restore(const VmSpec& spec, const MemoryImage& memory,
                                                     int devices_fd) = 0;

  // The guest stands still, and what it wrote is with the host's kernel. Fine when it does already.
  virtual net::Task<base::Result<void>> stop(const VmSpec& spec) = 0;
  // Fine when it runs already.
  virtual net::Task<base::Result<void>> go_on(const VmSpec& spec) = 0;
  // The following are for a VM that stands still, which may go on afterwards.
  // Writes its devices to kDevicesFile in its directory. There must be no such file.
  virtual net::Task<base::Result<void>> save_devices(const VmSpec& spec) = 0;
  // As save_changed_pages(); `base` is what it was restored from, or zeros when it was booted.
  virtual net::Task<base::Result<MemoryMap>> save_memory(const VmSpec& spec,
                                                         const VmProcess& process,
                                                         const MemoryMap& base, int layer,
                                                         int fd) = 0;
  // From now on it writes to `file`, in its directory, named as VmSpec::disk_file is: an empty
  // overlay over its current disk, or for kRawOnly a copy of it that was made since it stands
  // still. The disk it wrote to before does not change any more.
  virtual net::Task<base::Result<void>> switch_disk(const VmSpec& spec, std::string file) = 0;
  // The name of the file it writes to. At any time.
  virtual net::Task<base::Result<std::string>> current_disk(const VmSpec& spec) = 0;
  // Merging of disks, while the guest runs: what lies between its disk file and spec.backing[onto]
  // is copied into the former, which then lies on that directly. Returns when this has begun. Its
  // end, whole or not, shows in what the disk file calls its backing file. kUnimplemented for
  // kRawOnly, which never has a merge under way.
  virtual net::Task<base::Result<void>> start_merge(const VmSpec& spec, std::size_t onto) = 0;
  virtual net::Task<base::Result<bool>> is_merging(const VmSpec& spec) = 0;
  // Returns when none is under way any more: while one is, no disk can be switched.
  virtual net::Task<base::Result<void>> cancel_merge(const VmSpec& spec) = 0;
  // The last part (64 KiB) of what the guest wrote to its console. Not to be trusted.
  virtual net::Task<base::Result<std::string>> console(const VmSpec& spec) = 0;
};

// Ends a VM at once, waits until its process is gone (some milliseconds) and frees its pid. One
// that is gone already is fine. Blocking.
base::Result<void> kill_vm(const VmProcess& process);
// The same for a process that nobody has a handle of.
base::Result<void> kill_process(const base::ProcessIdentity& process);
// Blocking. kNotFound when the process is gone.
base::Result<VmStats> read_stats(const base::ProcessIdentity& process);

}  // namespace wrenn::vm
