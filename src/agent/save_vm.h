// Saving a VM as a checkpoint.
#pragma once

#include "agent/live_vm.h"
#include "agent/stopwatch.h"

namespace wrenn::agent {

enum class SaveWhat { kMemoryAndDisk, kDisk };
enum class Afterwards {
  kStays,   // The VM stays stopped: it is to end, or to go on with resume_after_save().
  kGoesOn,  // It has gone on, writing to a new disk over the one that was saved.
};

struct SaveRequest {
  SaveWhat what = SaveWhat::kMemoryAndDisk;
  Afterwards afterwards = Afterwards::kStays;
  // What the VM runs on: files that have not changed are linked from there.
  CheckpointPtr base;
  base::Secret envd_token;  // What its guest knows.
  std::optional<storage::GuestDefaults> defaults =
      {};                // Which it knows, too; none: those of `base`.
  base::Path directory;  // Exists, empty, on the file system of all others.
};

// Stops the guest and fills the directory; nothing is synced. "source_stopped" of the timings is
// how long a VM that goes on stood still. On failure the VM has gone on as before.
net::Task<base::Result<void>> save_vm(Host& host, LiveVm& vm, const SaveRequest& request,
                                      Timings& timings);
// The checkpoint of a VM that has ended: its disk as it is. Blocking; VM and network may be gone.
base::Result<void> save_disk(const Host& host, const VmPlace& place, const CheckpointPtr& base,
                             const base::Path& directory);

}  // namespace wrenn::agent
