// What Firecracker answers, taken apart. Pure; thread-safe. Nothing in it is believed: names and
// numbers are checked to be possible, and an answer of another form is kInternal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::vm::firecracker {

// No answer to a call of ours is anywhere near as long.
inline constexpr std::size_t kMaxReplyBytes = 256 * 1024;

// The `fault_message` of a refusal, or the `error` of its HTTP server, in one line of at most 400
// printable characters; or, for anything else, that it gave no reason.
std::string fault_in(std::string_view reply);

enum class InstanceState { kNotStarted, kRunning, kPaused };
// The answer to GET /.
base::Result<InstanceState> instance_state_in(std::string_view reply);

struct VmConfig {
  std::string disk_file;  // The last part of the path of the drive kDriveId.
  bool tracks_dirty_pages = false;
};
// The answer to GET /vm/config.
base::Result<VmConfig> vm_config_in(std::string_view reply);

// The answer to GET /version.
base::Result<std::string> version_reply_in(std::string_view reply);

// "disk-0": letters, digits and "-._", a letter first, at most 31; see VmSpec::disk_file.
bool is_disk_name(std::string_view name);

}  // namespace wrenn::vm::firecracker
