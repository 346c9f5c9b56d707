// VmPlace: everything around one VM that has to exist before it starts: its directory and disk, its
// network slot and card, its cgroup.
#pragma once

#include <string>
#include <vector>

#include "agent/host.h"

namespace wrenn::agent {

struct Shape {
  int vcpus = kDefaultVcpus;
  int memory_mb = kDefaultMemoryMb;
  int disk_mb = kDefaultDiskMb;
  bool operator==(const Shape&) const = default;
  std::string name() const;  // "1cpu-512mb-5120mb"
  std::uint64_t memory_bytes() const { return static_cast<std::uint64_t>(memory_mb) << 20; }
  std::uint64_t disk_bytes() const { return static_cast<std::uint64_t>(disk_mb) << 20; }
};

// The disk a VM's own disk is an overlay of.
struct BaseDisk {
  base::Path path;
  storage::DiskFormat format = storage::DiskFormat::kRaw;
  base::Path name_in_jail;                     // What the overlay calls it.
  std::vector<vm::BackingFile> backing_files;  // All files of the chain, itself included.
};

struct VmPlace {
  std::string id;
  Shape shape;
  base::Path directory;
  storage::Disk disk;
  std::vector<vm::BackingFile> backing_files;
  hostnet::Slot slot;
  base::Fd tap;
  base::Cgroup cgroup;
  uid_t uid = 0;

  vm::VmSpec spec() const;
};

// Blocking. On failure nothing is left. `directory` is created; `slot` comes from the pool and is
// given back on failure.
base::Result<VmPlace> make_place(Host& host, std::string id, const Shape& shape,
                                 const base::Path& directory, const BaseDisk& base_disk,
                                 hostnet::Slot slot);
// Ends every process of the VM, known or not, and frees all of the place but its directory.
// Blocking; problems are logged, because there is nobody who could do better.
void clear_place(Host& host, VmPlace place);

// The error with the end of the guest's console added, for a guest that does not do what it should.
net::Task<base::Error> with_console(Host& host, vm::VmSpec spec, base::Error error);

// Ends the hypervisors of this installation (they are known by their user) that are not in `keep`:
// an agent died before it could record them. Blocking.
void kill_strangers(const AgentConfig& config, const std::vector<pid_t>& keep);

}  // namespace wrenn::agent
