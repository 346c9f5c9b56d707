// Manifests: the small JSON files that make every directory describe itself, so that the agent can
// rebuild all it knows from disk. Blocking; writes are atomic and durable (fsync).
//
// Reading is strict about what it needs and blind to the rest: an unknown field is ignored, a
// missing or invalid one is named in the error (kDataLoss), a newer format version is refused.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "base/result.h"
#include "base/secret.h"
#include "storage/layout.h"

namespace wrenn::storage {

inline constexpr int kManifestFormat = 2;
inline constexpr std::uint64_t kMaxManifestBytes = 256 << 10;
inline constexpr std::size_t kMaxMetadataEntries = 64;
inline constexpr std::size_t kMaxMetadataKey = 128;     // bytes
inline constexpr std::size_t kMaxMetadataValue = 4096;  // bytes

// Whatever else happens to a sandbox becomes true in one step (the write of its manifest, or the
// rename of its directory) and so needs no state of its own: what comes before is undone after a
// crash. A directory without a manifest belongs to a sandbox that nobody was told of.
enum class StoredState {
  kRunning,  // On top of its checkpoint.
  kPaused,   // As its checkpoint says.
};
std::string_view state_name(StoredState state);  // "running", "paused"
std::optional<StoredState> stored_state_from_name(std::string_view name);

// What a sandbox may reach: addresses and blocks of them as texts, which this folder only keeps.
struct NetworkPolicy {
  bool deny_internet = false;
  std::vector<std::string> allow_out;
  std::vector<std::string> deny_out;
  bool operator==(const NetworkPolicy&) const = default;
};
inline constexpr std::size_t kMaxNetworkEntries = 256;  // In each list.
inline constexpr std::size_t kMaxNetworkEntry = 18;     // bytes: 255.255.255.255/32

struct SandboxManifest {
  std::string id;
  std::string team_id;  // May be empty.
  std::string template_name;
  StoredState state = StoredState::kRunning;
  int vcpus = 1;                  // 1..256
  int memory_mb = 512;            // 1..4 TiB
  int disk_mb = 0;                // 0: the size of the base image.
  int timeout_sec = 0;            // 0: none.
  int slot = -1;                  // Index of the network slot; -1: none taken.
  uid_t uid = 0;                  // What the hypervisor runs as; 0: not chosen yet.
  base::ProcessIdentity process;  // The hypervisor; pid 0: not started.
  std::int64_t created_unix_ms = 0;
  std::string kernel_version;
  std::string hypervisor;  // "qemu", "firecracker"
  base::Secret envd_token;
  std::map<std::string, std::string> metadata;
  int checkpoint = 0;               // The number of the checkpoint it runs on, or is paused as.
  std::string boot_id;              // Of the host, when its VM was started.
  std::int64_t end_at_unix_ms = 0;  // 0: never.
  bool is_killed_on_timeout = false;
  std::string reason;  // Why the host paused it: "idle", "lifetime", "host_memory", "vm_ended",
                       // "host_restarted".
  NetworkPolicy network;
};

struct FileStamp {
  Path path;
  std::string sha256;  // Lower-case hexadecimal, or empty: not computed.
  std::uint64_t size = 0;
};

// Describes one memory snapshot of a template (snapshots/<template>/<shape>/).
struct TemplateManifest {
  std::string name;
  std::string kernel_version;
  FileStamp kernel;
  FileStamp initramfs;
  std::string accelerator;  // "kvm", "tcg"
  std::string hypervisor;
  std::string hypervisor_version;
  int vcpus = 1;
  int memory_mb = 512;
  int disk_mb = 0;
  std::int64_t created_unix_ms = 0;
  std::string envd_version;
  std::string input_hash;  // Of all that went in: another hash means build anew.
  std::map<std::string, std::string> metadata;
};

// Of an image: the hash of what it was made from, as those write it who make images. Empty when it
// does not say.
base::Result<std::string> read_image_inputs(const Path& path);

// Pure: text form and back.
std::string to_json(const SandboxManifest& manifest);
std::string to_json(const TemplateManifest& manifest);
base::Result<SandboxManifest> parse_sandbox_manifest(std::string_view json);
base::Result<TemplateManifest> parse_template_manifest(std::string_view json);

// Mode 0600 for a sandbox (it holds a token), 0644 for a template. kInvalidArgument, and nothing
// written, for a manifest that could not be read back.
base::Result<void> write_manifest(const Path& path, const SandboxManifest& manifest);
base::Result<void> write_manifest(const Path& path, const TemplateManifest& manifest);
base::Result<SandboxManifest> read_sandbox_manifest(const Path& path);
base::Result<TemplateManifest> read_template_manifest(const Path& path);

struct BrokenEntry {
  Path directory;
  base::Error error;  // kNotFound: no manifest at all, a crash before the first write.
};
template <class Manifest>
struct Scan {
  std::vector<Manifest> good;
  std::vector<BrokenEntry> broken;
};
// One broken entry never hides the others: fails only when the directory itself cannot be listed.
// A manifest whose id or name differs from its directory's is broken. Temporaries are ignored.
base::Result<Scan<SandboxManifest>> scan_sandboxes(const Layout& layout);
base::Result<Scan<TemplateManifest>> scan_snapshots(const Layout& layout);

}  // namespace wrenn::storage
