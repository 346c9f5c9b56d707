// The disk of a VM as a device of the kernel, by dm-snapshot: see storage/dm/snapshot_disks.h.
//
// Here too the disks lie on each other, but the VM has one device whatever it consists of, so
// nothing has to be asked of the hypervisor when it comes to write to another file. In the VM's
// directory the files have their order from their numbers: what the VM writes to, or has written
// to, has an even one. An odd one has all that is below the next: what was merged.
#pragma once

#include "agent/disk_chain.h"

namespace wrenn::agent {

// The name of the device's node in the VM's directory.
inline constexpr const char* kDeviceNode = "device";

// All of these block.

// Makes the place's disk over the chain, whose base is raw and all others of kDmStore; a long
// chain is merged. kResourceExhausted when the host's disk is so full that this one would be lost.
base::Result<void> make_snapshot_disk(const Host& host, const DiskChain& base_disks,
                                      VmPlace& place);
// Makes a raw disk of such a chain, for a host that has no device-mapper.
base::Result<void> flatten_disk(const DiskChain& base_disks, VmPlace& place);

// Of a running VM's disk: what it was given so far is in its files.
base::Result<void> write_back_disk(const VmPlace& place);

// What a disk comes to write to next, made while the VM still runs.
struct NextStore {
  storage::Disk disk;
  DiskChain lower_disks;  // What the current one is to lie on by then.
};
base::Result<NextStore> make_next_store(const VmPlace& place);
// While the VM stands still: it writes to the next file from now on, and `place` is of that. The
// one that it wrote to is complete. On failure all is as it was, and the next files are gone.
base::Result<void> use_next_store(const Host& host, const NextStore& next, VmPlace& place);

// Takes over the disk of a VM that runs: `base` is what it was started on.
base::Result<void> adopt_snapshot_disk(const Host& host, const DiskChain& base, VmPlace& place);
// As read_chain(); `current`: the inode of what it writes to, or none: the last.
base::Result<void> read_snapshot_chain(const DiskChain& base, std::optional<ino_t> current,
                                       VmPlace& place);

}  // namespace wrenn::agent
