// CheckpointManifest: describes the directory of one checkpoint, which is what a VM is started
// from: a disk, and mostly the memory and the devices of the moment it was saved.
//
// A checkpoint never changes once it is published, so that its files may be hard links which it
// shares with other checkpoints. Blocking; writes are durable.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"
#include "storage/cow_disk.h"

namespace wrenn::storage {

inline constexpr const char* kCheckpointFile = "checkpoint.json";
inline constexpr std::size_t kMaxChainDisks = 64;

// What commands get that do not say otherwise. A guest with memory knows it; one that boots is
// told.
struct GuestDefaults {
  std::string user;                        // Empty: the host's own default.
  std::string workdir;                     // Empty: the user's home.
  std::map<std::string, std::string> env;  // At most kMaxMetadataEntries, as long as those may be.
  bool operator==(const GuestDefaults&) const = default;
};

struct CheckpointManifest {
  int vcpus = 1;
  int memory_mb = 512;
  int disk_mb = 0;
  bool has_memory = false;  // Else it boots.
  int memory_layers = 0;    // Files that the memory lies in.
  // The chain of the disk, the base first: each but that one is an overlay of the one before it.
  std::vector<DiskFormat> disks;
  std::string kernel_version;
  std::string envd_version;
  // Device state is bound to these.
  std::string hypervisor;
  std::string hypervisor_version;
  std::string accelerator;
  std::string processor;
  base::Secret envd_token;  // What the guest was told last; empty: nothing.
  GuestDefaults defaults = {};
  std::int64_t created_unix_ms = 0;
};

// Pure: text form and back; kDataLoss names the field that is wrong.
std::string to_json(const CheckpointManifest& manifest);
base::Result<CheckpointManifest> parse_checkpoint_manifest(std::string_view json);

// Mode 0600: it may hold a token.
base::Result<void> write_manifest(const Path& path, const CheckpointManifest& manifest);
base::Result<CheckpointManifest> read_checkpoint_manifest(const Path& path);

}  // namespace wrenn::storage
