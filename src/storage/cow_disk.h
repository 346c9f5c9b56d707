// Copy-on-write disks: a sandbox's own writable disk over a base image that it shares. Blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::storage {

using base::Path;

enum class CowBackend {
  kReflink,       // The file system shares the blocks (XFS, btrfs): a raw file of its own.
  kQcow2Overlay,  // A small qcow2 file that names the base as its backing file.
  kSparseCopy,    // Every block of data is copied: slow and large, never chosen by probing.
  kDmSnapshot,    // A file that device-mapper lays over the base: see dm/snapshot_disks.h.
};
enum class DiskFormat {
  kRaw,
  kQcow2,
  kDmStore,  // What a dm-snapshot keeps (dm/exception_store.h): a disk with what it lies on only.
};

// "reflink", "qcow2-overlay", "sparse-copy", "dm-snapshot"; and back, for manifests and flags.
std::string_view backend_name(CowBackend backend);
std::optional<CowBackend> backend_from_name(std::string_view name);
// "raw", "qcow2", which are QEMU's names too, and "dm-store".
std::string_view format_name(DiskFormat format);
std::optional<DiskFormat> format_from_name(std::string_view name);

struct CowProbe {
  CowBackend backend = CowBackend::kQcow2Overlay;
  std::string explanation;  // One sentence for people: what was tried and why this was chosen.
};
// Tries FICLONE on two small files in `dir` (removed again); base and disks must both lie on the
// file system of `dir` for the answer to hold.
base::Result<CowProbe> probe_cow(const Path& dir);

inline constexpr std::uint64_t kMaxDiskBytes = 4ull << 40;  // What one cluster of L1 table maps.

struct DiskRequest {
  CowBackend backend = CowBackend::kQcow2Overlay;
  Path base;
  DiskFormat base_format = DiskFormat::kRaw;
  Path target;
  // 0: as large as the base. Larger: raw grows by a hole at its end, an overlay by its header; a
  // copy of a qcow2 base cannot grow. Smaller: kInvalidArgument. For kDmSnapshot it has to be given
  // when the base is a kDmStore, which does not know its size.
  std::uint64_t virtual_size_bytes = 0;
  // What the overlay calls its base, when the hypervisor sees it elsewhere than we do (absolute).
  // Empty: the absolute path of `base`.
  Path backing_name;
  mode_t mode = 0600;
};

struct Disk {
  Path path;
  DiskFormat format = DiskFormat::kRaw;
  std::uint64_t virtual_size_bytes = 0;
};

// Makes `target`, owned by the caller's uid, in O(1) for reflink and overlay. It is not synced: a
// disk no VM has used yet is worth nothing after a power loss. kAlreadyExists when the target is
// there, kResourceExhausted with a remedy on a full disk; a failure leaves nothing behind.
base::Result<Disk> create_disk(const DiskRequest& request);

// The size the guest sees. kDataLoss for a qcow2 file whose header is broken; kInvalidArgument for
// a kDmStore.
base::Result<std::uint64_t> virtual_size(const Path& path, DiskFormat format);
// What a qcow2 file calls the disk under it. The file is not trusted.
base::Result<std::string> backing_name(const Path& path);
// Allocated bytes: of a file, or of all files under a directory.
base::Result<std::uint64_t> disk_usage(const Path& path);
// Bytes an unprivileged writer may still use on the file system of `dir`.
base::Result<std::uint64_t> free_space(const Path& dir);

}  // namespace wrenn::storage
