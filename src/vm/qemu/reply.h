// What QEMU answers, taken apart. Pure; thread-safe. Nothing in it is believed: names and numbers
// are checked to be possible, and an answer of another form is kInternal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::vm {

// The answer to "gpa2hva 0" of the human monitor, as JSON text: where the guest's memory begins.
base::Result<std::uint64_t> memory_address_in(std::string_view reply);

// The answer to "info block disk" of the human monitor, as JSON text: the name of the file that the
// disk writes to, as qemu_command() or switch_disk() named the node that has it open. The machine's
// form of this question is answered with the whole chain of disks, one inside the other.
base::Result<std::string> disk_file_in(std::string_view reply);

// The answer to query-block-jobs: whether there are any.
base::Result<bool> has_jobs(std::string_view reply);

// The answer to ringbuf-read: what was in the buffer.
base::Result<std::string> console_in(std::string_view reply);

}  // namespace wrenn::vm
