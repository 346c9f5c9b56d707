// Whether disks by dm-snapshot work here: one is made and used.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/strings.h"
#include "storage/cow_disk.h"
#include "storage/dm/exception_store.h"
#include "storage/dm/snapshot_disks.h"
#include "storage/file_range.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::Fd;
using base::Path;
using base::Result;

constexpr std::uint64_t kDiskBytes = 256 << 10;
constexpr std::uint64_t kImageBytes = kDiskBytes / 2;

Result<void> write_chunk(const Path& file, std::uint64_t chunk, char letter) {
  WRENN_TRY_ASSIGN(const Fd open, base::open_file(file, O_RDWR | O_NOFOLLOW));
  WRENN_TRY(write_at(open.get(), std::string(kChunkBytes, letter), chunk * kChunkBytes));
  if (::fsync(open.get()) == 0) return {};
  return base::fail_errno(errno, "cannot sync a disk");
}

Result<void> expect_chunk(const Path& file, std::uint64_t chunk, char letter) {
  WRENN_TRY_ASSIGN(const Fd open, base::open_file(file, O_RDONLY | O_NOFOLLOW));
  std::array<char, kChunkBytes> bytes{};
  const ssize_t n =
      ::pread(open.get(), bytes.data(), bytes.size(), static_cast<off_t>(chunk * kChunkBytes));
  if (n < 0) return base::fail_errno(errno, "cannot read a disk");
  if (std::string_view(bytes.data(), static_cast<std::size_t>(n)) ==
      std::string(kChunkBytes, letter)) {
    return {};
  }
  return base::fail(Code::kInternal, "a disk by device-mapper did not keep what was written to it");
}

Result<Path> make_store(const Path& image, std::string_view name) {
  WRENN_TRY_ASSIGN(const Disk disk, create_disk({.backend = CowBackend::kDmSnapshot,
                                                 .base = image,
                                                 .target = image.parent_path() / name,
                                                 .virtual_size_bytes = kDiskBytes,
                                                 .backing_name = {}}));
  return disk.path;
}

}  // namespace

Result<void> probe_snapshots(const Path& dir, const std::string& prefix) {
  WRENN_TRY_ASSIGN(const SnapshotDisks disks, SnapshotDisks::open(prefix));
  WRENN_TRY_ASSIGN(const base::TempDir scratch, base::TempDir::create(dir, "probe.tmp-"));
  const std::string id(scratch.path().filename());
  const Path image = scratch.path() / "image";
  WRENN_TRY(base::write_file_atomic(image, std::string(kImageBytes, 'i')));
  DiskFiles files{.image = image, .stores = {}, .bytes = kDiskBytes};
  WRENN_TRY_ASSIGN(const Path first, make_store(image, "first"));
  WRENN_TRY_ASSIGN(const Path second, make_store(image, "second"));
  files.stores = {first};
  WRENN_TRY_ASSIGN(const dev_t device, disks.create(id, files));
  const auto use = [&]() -> Result<void> {
    const Path node = scratch.path() / "node";
    WRENN_TRY(make_node(node, device, ::geteuid()));
    WRENN_TRY(expect_chunk(node, 0, 'i'));
    WRENN_TRY(expect_chunk(node, kImageBytes / kChunkBytes, '\0'));
    WRENN_TRY(write_chunk(node, 0, 'a'));
    files.stores = {first, second};
    WRENN_TRY(disks.change_files(id, files));
    WRENN_TRY(write_chunk(node, 1, 'b'));
    WRENN_TRY(expect_chunk(node, 0, 'a'));
    WRENN_TRY(expect_chunk(node, 1, 'b'));
    WRENN_TRY(expect_chunk(image, 0, 'i'));
    WRENN_TRY(disks.check(id));
    return {};
  };
  auto used = use();
  WRENN_TRY(disks.remove(id));
  return used;
}

}  // namespace wrenn::storage::dm
