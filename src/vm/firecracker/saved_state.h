// What a saved VM's devices are kept as: Firecracker's own file, behind a header that says what is
// needed to know before it is loaded. The form of Firecracker's file changes with its versions, so
// nothing of it is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::vm::firecracker {

struct SavedState {
  std::string format;       // Of Firecracker's snapshots: "7.0.0".
  std::string version;      // Of the Firecracker that saved it: "1.13.1".
  std::string disk_file;    // What the disk was called in the VM's directory.
  std::uint64_t bytes = 0;  // Of Firecracker's file, which follows the header.
  bool operator==(const SavedState&) const = default;
};

// Firecracker itself reads no more than 10 MB.
inline constexpr std::uint64_t kMaxStateBytes = 16ull << 20;
inline constexpr std::size_t kStateHeaderBytes = 8 + 3 * 64 + 8 + 8;

std::string to_bytes(const SavedState& state);
// kDataLoss for anything but what to_bytes() makes. Pure.
base::Result<SavedState> parse_saved_state(std::string_view header);

// Writes `to`, which must not exist, from the file at `state`, which a VM wrote; `saved.bytes` is
// filled in. Blocking.
base::Result<void> keep_state(const base::Path& state, SavedState saved, const base::Path& to);
// The header of what keep_state() wrote, and the rest as `to`, which all may read. Blocking.
base::Result<SavedState> take_state(int devices_fd, const base::Path& to);

}  // namespace wrenn::vm::firecracker
