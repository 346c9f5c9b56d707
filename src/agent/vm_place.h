// VmPlace: everything around one VM that has to exist before it starts: its directory and disk, its
// network slot and card, its cgroup.
#pragma once

#include <string>
#include <vector>

#include "agent/checkpoint.h"
#include "agent/host.h"
#include "net/scope.h"

namespace wrenn::agent {

struct VmPlace {
  std::string id;
  Shape shape;
  base::Path directory;
  // What the VM's own disk is an overlay of: read-only, and empty for a disk that is complete.
  DiskChain lower_disks;
  // What the VM writes to, in `directory`: of the disks there, the one with the highest number.
  storage::Disk disk;
  // The disk is a file of a device that the VM has: see snapshot_disk.h.
  bool is_snapshot = false;
  bool is_merging = false;  // See disk_chain.h.
  hostnet::Slot slot;
  base::Fd tap;          // Until the VM has started; empty for a hypervisor that opens it by name,
  std::string tap_name;  // which is given this.
  base::Cgroup cgroup;
  uid_t uid = 0;

  vm::VmSpec spec() const;
};

// Blocking. On failure nothing is left. `directory` is created; `slot` comes from the pool and is
// given back on failure.
base::Result<VmPlace> make_place(Host& host, std::string id, const Shape& shape,
                                 const base::Path& directory, const DiskChain& base_disks,
                                 hostnet::Slot slot);
// Makes the VM's user the owner of a file. Blocking.
base::Result<void> give_to(const base::Path& path, uid_t uid);
// A fresh overlay in the place's directory, for Hypervisor::switch_disk(); returns its file name.
// The place stays as it is. Blocking.
base::Result<storage::Disk> make_overlay(const VmPlace& place);
// Ends every process of the VM, known or not, and frees all of the place but its directory.
// Blocking; problems are logged, because there is nobody who could do better.
void clear_place(Host& host, VmPlace place);

// The error with the end of the guest's console added, for a guest that does not do what it should.
net::Task<base::Error> with_console(Host& host, vm::VmSpec spec, base::Error error);

// Until it is stopped; see with_vm_going().
net::Task<void> keep_going(Host& host, vm::VmSpec spec);
// Runs `task`, which waits for a guest that nobody else knows yet. A VM that found the host's disk
// full stands still until it is told to go on: meanwhile that is done every second.
template <class T>
net::Task<T> with_vm_going(Host& host, vm::VmSpec spec, net::Task<T> task) {
  const net::Context context = co_await net::current_context();
  net::TaskScope beside(*context.loop);
  beside.spawn(keep_going(host, std::move(spec)));
  T result = co_await std::move(task);
  beside.request_stop();
  co_await beside.join();
  co_return result;
}

// Whose the processes of VMs are, by the users that they run as: each VM has one of its own, which
// what serves its page faults has, too.
struct VmUsers {
  std::vector<uid_t> going_on;
  std::vector<uid_t> ending;  // Of sandboxes whose VMs are to end now.
};
// Ends every process of a VM of this installation that does not go on. One that is nobody's is
// told of: an agent died before it could record it. Blocking.
void end_vms(const AgentConfig& config, const VmUsers& users);

}  // namespace wrenn::agent
