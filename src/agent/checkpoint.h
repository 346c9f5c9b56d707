// Checkpoint: a directory that a VM is started from, any number of times: disk, memory, devices.
//
// A template's snapshot, the base of a running sandbox and a paused sandbox are all of this one
// form. A checkpoint never changes, and its files are hard links that others may share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/host.h"
#include "storage/checkpoint_manifest.h"

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

struct DiskFile {
  base::Path path;
  storage::DiskFormat format = storage::DiskFormat::kRaw;
};
using DiskChain = std::vector<DiskFile>;  // The base first.

struct Checkpoint {
  base::Path directory;
  storage::CheckpointManifest manifest;

  Shape shape() const { return {manifest.vcpus, manifest.memory_mb, manifest.disk_mb}; }
  DiskChain disks() const;
  vm::MemoryImage memory() const;  // Of one that has memory.
};
using CheckpointPtr = std::shared_ptr<const Checkpoint>;

// The names of the files.
inline constexpr const char* kMemoryMapFile = "memory.map";
inline constexpr const char* kWorkingSetFile = "memory.pages";  // There may be none.
inline constexpr const char* kDevicesFile = vm::kDevicesFile;
std::string memory_layer_file(int layer);
std::string disk_file(std::size_t index);

// kDataLoss when a file that the manifest speaks of is missing or too short. Blocking.
base::Result<CheckpointPtr> load_checkpoint(const base::Path& directory);
// Fills an empty directory with links to all files of another checkpoint. Blocking.
base::Result<void> link_checkpoint(const Checkpoint& from, const base::Path& directory);
base::Result<void> link_file(const base::Path& from, const base::Path& to);
// The list of pages, if it has one. Blocking.
base::Result<void> link_working_set(const Checkpoint& from, const base::Path& directory);
// Links one file that a VM may have had its hands on: a plain file and nothing else, which is
// root's and for reading from now on. Blocking.
base::Result<void> take_file(const base::Path& from, const base::Path& to);

// The manifest of what is saved on this host now.
storage::CheckpointManifest new_checkpoint_manifest(const Host& host, const Shape& shape);
// kFailedPrecondition when memory that was saved with other hardware or software cannot be restored
// on this host.
base::Result<void> check_machine(const Host& host, const Checkpoint& checkpoint);
// The model name of the host's processor.
std::string processor_name();

}  // namespace wrenn::agent
