// Starting the VM of a sandbox from a checkpoint, for the first time or again.
#pragma once

#include <optional>

#include "agent/checkpoint.h"
#include "agent/live_vm.h"
#include "agent/stopwatch.h"
#include "storage/manifest.h"

namespace wrenn::agent {

// The address of a sandbox's own directory. A sandbox id is always a Name.
base::Path sandbox_directory(const Host& host, const std::string& id);
base::Path checkpoint_directory(const Host& host, const std::string& id, int number);
// Which start of this machine it is.
std::string host_boot_id();

// Makes the directory of a new sandbox, with `from` as its first checkpoint. Blocking; on failure
// nothing is left.
base::Result<CheckpointPtr> make_sandbox(const Host& host, const std::string& id,
                                         const Checkpoint& from);

// Gone in one step, whatever happens while its files are removed: what is left over of it is a
// temporary. One that is not there is fine. Blocking.
base::Result<void> remove_sandbox_directory(const Host& host, const std::string& id);

// Starts a VM from the checkpoint, which lies in the sandbox's directory, waits until the guest is
// as it should be (clock, token, names, randomness), and only then writes the manifest. `manifest`
// gets what has become true: slot, user, process, state. On failure the VM and its directory are
// gone and the manifest on disk is as before; but a restored guest that ended by itself before it
// answered, as one does that was saved while it shut down, goes to `ended`, if given: what it wrote
// last is on its disk.
net::Task<base::Result<std::unique_ptr<LiveVm>>> start_vm(Host& host,
                                                          storage::SandboxManifest& manifest,
                                                          CheckpointPtr checkpoint,
                                                          Timings& timings,
                                                          std::unique_ptr<LiveVm>* ended = nullptr);

}  // namespace wrenn::agent
