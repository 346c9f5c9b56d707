// What Firecracker has written of a VM's memory since the VM was started, in the VM's directory.
//
// Each snapshot that holds only what has changed is relative to the one before it, while a layer is
// relative to what the VM was started on. So all of them stay until the VM ends, or until a full
// one takes their place. The files' names are the only record, and are what a crash leaves.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "vm/firecracker/memory_file.h"

namespace wrenn::vm::firecracker {

struct WrittenMemory {
  struct File {
    int number = 0;
    FileKind kind = FileKind::kFull;
    base::Path path;
  };
  std::vector<File> files;  // Oldest first.
  // One was begun of which nobody knows whether it was finished: what has changed up to then may be
  // recorded nowhere any more.
  bool is_broken = false;

  int next_number() const { return files.empty() ? 0 : files.back().number + 1; }
};

// Beyond so many a full one is taken.
inline constexpr std::size_t kMaxDiffs = 8;

// The file that Firecracker is writing to, in the directory.
inline constexpr const char* kUnfinishedMemory = "memory.part";

base::Result<WrittenMemory> find_written_memory(const base::Path& directory);
// Notes that Firecracker is about to write kUnfinishedMemory, of which nothing is left. Blocking.
base::Result<void> begin_memory(const base::Path& directory);
// It has written all of it. After a full one the others go. Blocking.
base::Result<void> finish_memory(const base::Path& directory, FileKind kind);

// make_layer() of all of them. Blocking.
base::Result<MemoryMap> layer_of(const WrittenMemory& written, const MemoryMap& base, int layer,
                                 int fd);

}  // namespace wrenn::vm::firecracker
