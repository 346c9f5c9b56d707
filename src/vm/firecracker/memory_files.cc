#include "vm/firecracker/memory_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::concat;
using base::Result;

constexpr std::string_view kPrefix = "memory-";
constexpr std::string_view kFullSuffix = ".full";
constexpr std::string_view kDiffSuffix = ".diff";

// There from before Firecracker is asked until what it wrote has its name.
constexpr const char* kMark = "memory.begun";

std::string name_of(int number, FileKind kind) {
  return concat(kPrefix, number, kind == FileKind::kFull ? kFullSuffix : kDiffSuffix);
}

Result<void> remove_file(const base::Path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return base::fail_errno(errno, concat("cannot remove ", path.native()));
}

}  // namespace

Result<WrittenMemory> find_written_memory(const base::Path& directory) {
  WrittenMemory written;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename();
    if (name == kMark) written.is_broken = true;
    if (!name.starts_with(kPrefix)) continue;
    const bool is_full = name.ends_with(kFullSuffix);
    if (!is_full && !name.ends_with(kDiffSuffix)) continue;
    name = name.substr(kPrefix.size(), name.rfind('.') - kPrefix.size());
    const auto number = base::parse_int<int>(name);
    if (!number) continue;
    written.files.push_back({*number, is_full ? FileKind::kFull : FileKind::kDiff, entry.path()});
  }
  if (error) return base::fail_errno(error.value(), concat("cannot list ", directory.native()));
  std::ranges::sort(written.files, {}, &WrittenMemory::File::number);
  return written;
}

Result<void> begin_memory(const base::Path& directory) {
  WRENN_TRY(remove_file(directory / kUnfinishedMemory));
  WRENN_TRY_ASSIGN(const base::Fd mark,
                   base::open_file(directory / kMark, O_WRONLY | O_CREAT | O_NOFOLLOW, 0400));
  return {};
}

Result<void> finish_memory(const base::Path& directory, FileKind kind) {
  WRENN_TRY_ASSIGN(const WrittenMemory written, find_written_memory(directory));
  const base::Path to = directory / name_of(written.next_number(), kind);
  if (::rename((directory / kUnfinishedMemory).c_str(), to.c_str()) != 0) {
    return base::fail_errno(errno, "a VM's memory was not written");
  }
  if (kind == FileKind::kFull) {
    for (const auto& file : written.files) WRENN_TRY(remove_file(file.path));
  }
  return remove_file(directory / kMark);
}

Result<MemoryMap> layer_of(const WrittenMemory& written, const MemoryMap& base, int layer, int fd) {
  std::vector<base::Fd> opened;
  std::vector<MemoryFile> files;
  for (const auto& file : written.files) {
    WRENN_TRY_ASSIGN(base::Fd fd_of_file,
                     base::open_file(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    files.push_back({fd_of_file.get(), file.kind});
    opened.push_back(std::move(fd_of_file));
  }
  return make_layer(files, base, layer, fd);
}

}  // namespace wrenn::vm::firecracker
