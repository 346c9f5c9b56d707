// SnapshotDisks: disks of VMs as devices of the kernel: a raw image on a read-only loop device, and
// over it, by dm-snapshot, the stores with what was written since, of which only the last one
// changes.
//
//   wrenn-TAG-ID.top   what the VM has: a snapshot, to be written to
//   wrenn-TAG-ID.N     what lies under it, all read-only: the image (linear), and a snapshot for
//                      each further store
//
// The names begin with the installation's prefix and hold the id, so no record is needed to find
// them; the loop devices go with them. All of it is the kernel's, and outlives this process and the
// VM. Calls block; an object may be used by several threads, for different ids.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/files.h"
#include "storage/dm/control.h"

namespace wrenn::storage::dm {

// The files of one disk.
struct DiskFiles {
  base::Path image;                // Raw.
  std::vector<base::Path> stores;  // The lowest first; the last one is written to.
  std::uint64_t bytes = 0;         // Of the disk. What the image does not have is zeros.
};

class SnapshotDisks {
 public:
  // `prefix`: "wrenn-TAG-". Errors as of Control::open().
  static base::Result<SnapshotDisks> open(std::string prefix);

  // Makes the devices; what is left of older ones with this id is removed first. kDataLoss for a
  // store that is not whole. On failure there are none.
  base::Result<dev_t> create(const std::string& id, const DiskFiles& files) const;
  // The disk, which is there and goes on to be the same device, has other files from now on, which
  // together must be what it is: what was written to it goes to the last of them. The one it wrote
  // to before has all that was written until now and does not change any more. Who reads or writes
  // meanwhile waits. On failure it is as it was.
  base::Result<void> change_files(const std::string& id, const DiskFiles& files) const;
  // It goes on, should somebody have died while they changed its files.
  base::Result<void> go_on(const std::string& id) const;
  // The inode of the store that it writes to.
  base::Result<ino_t> current_store(const std::string& id) const;
  // kDataLoss with the reason when the kernel has given it up; else how full its store is.
  base::Result<SnapshotStatus> check(const std::string& id) const;
  // Nobody may have it open any more. None is fine.
  base::Result<void> remove(const std::string& id) const;

  // Removes the devices of all ids but these. As much as it can; returns the first error.
  base::Result<void> sweep(const std::set<std::string>& keep) const;

 private:
  SnapshotDisks(std::string prefix, Control control)
      : prefix_(std::move(prefix)), control_(std::move(control)) {}
  std::string name(const std::string& id, std::string_view part) const;
  // The parts of an id's devices.
  base::Result<std::vector<std::string>> parts(const std::string& id) const;
  base::Result<void> remove_parts(const std::string& id, std::vector<std::string> parts) const;
  base::Result<dev_t> make_image(const std::string& id, const DiskFiles& files,
                                 std::size_t number) const;
  base::Result<dev_t> make_level(const std::string& id, const DiskFiles& files, dev_t below,
                                 std::size_t store, std::size_t number) const;
  base::Result<dev_t> make_lower(const std::string& id, const DiskFiles& files, std::size_t count,
                                 std::size_t first_number) const;
  base::Result<void> put_on(const std::string& id, const DiskFiles& files,
                            std::size_t first_number) const;

  std::string prefix_;
  Control control_;
};

// The node by which a VM gets at its disk, anew; `uid` alone may open it.
base::Result<void> make_node(const base::Path& path, dev_t device, uid_t uid);
// Whether there is one, rather than anything else.
bool is_node(const base::Path& path);
// What was written to the device of this node is with what it lies on now, and shows in its store.
base::Result<void> write_back(const base::Path& node);

// Makes a small disk by all that there is above, writes to it, changes its files and reads: what
// stands in the way otherwise. `dir` is where files would be. Leaves nothing behind.
base::Result<void> probe_snapshots(const base::Path& dir, const std::string& prefix);

}  // namespace wrenn::storage::dm
