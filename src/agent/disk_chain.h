// The disks that lie on each other: a template's at the bottom, then one for each time that the
// sandbox was saved, and the one its VM writes to on top.
//
// A long chain makes reading slow, so it is merged while the VM runs. What the top disk calls the
// one under it, which the hypervisor writes, is the only truth about that: it holds whatever dies.
#pragma once

#include <cstddef>
#include <map>
#include <string_view>

#include "agent/vm_place.h"

namespace wrenn::agent {

// What every overlay calls the disk under it, wherever that lies.
base::Path name_in_jail(std::size_t index);

// Higher than that of any disk in the directory of a VM. Blocking.
base::Result<std::size_t> next_disk_number(const base::Path& directory);

// Merging begins at so many disks.
inline constexpr std::size_t kMergeFrom = 8;
// From so many on a save waits for it.
inline constexpr std::size_t kMaxUnmerged = 40;
static_assert(kMaxUnmerged < storage::kMaxChainDisks);

// The disk that the top one is to lie on, so that what is copied is in proportion to what has
// become less: the first overlay stays when it is much larger than all above it. Blocking.
base::Result<std::size_t> merge_base(const VmPlace& place);

// The files of disks in the directory of a VM, by their numbers: in the order in which they were
// made. Blocking.
base::Result<std::map<std::size_t, base::Path>> disks_in(const base::Path& directory);
// Removes those that are no part of the place's chain. Blocking.
base::Result<void> remove_other_disks(const VmPlace& place);

// Sets `disk` and `lower_disks` of a place whose VM writes to the file `current` in its directory,
// or to the last that was made, when that is empty; `base` is what the VM was started on. Removes
// the files of the directory that the chain does not need (any more). kDataLoss when there is no
// such file. Blocking.
base::Result<void> read_chain(const DiskChain& base, std::string_view current, VmPlace& place);

// Lets a merge that is under way go, and notes how far the chain has come. For who holds the
// sandbox.
net::Task<base::Result<void>> settle_merge(Host& host, const DiskChain& base, VmPlace& place);
// Begins to merge; nothing happens with a hypervisor whose disks are always whole. For who holds
// the sandbox.
net::Task<base::Result<void>> start_merge(Host& host, VmPlace& place);
// Until it has ended, by itself or because somebody settled it.
net::Task<base::Result<void>> wait_for_merge(Host& host, vm::VmSpec spec);

}  // namespace wrenn::agent
