#include "agent/snapshot_disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "storage/dm/exception_store.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Fd;
using base::Result;
using storage::DiskFormat;

constexpr std::size_t kFirstStore = 2;
constexpr std::size_t kStoreStep = 2;

bool is_merged(std::size_t number) {
  return number % kStoreStep != 0;
}

Result<std::vector<Fd>> open_all(const DiskChain& stores) {
  std::vector<Fd> files;
  for (const auto& store : stores) {
    WRENN_TRY_ASSIGN(Fd file, base::open_file(store.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<int> numbers_of(const std::vector<Fd>& files) {
  std::vector<int> numbers;
  for (const auto& file : files) numbers.push_back(file.get());
  return numbers;
}

// A file that has its name when it is complete.
template <class Fill>
Result<void> write_whole(const base::Path& target, Fill fill) {
  const base::Path part = concat(target.native(), ".tmp-part");
  WRENN_TRY(base::remove_tree(part));
  const auto write = [&]() -> Result<void> {
    WRENN_TRY_ASSIGN(const Fd file,
                     base::open_file(part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    WRENN_TRY(fill(file.get()));
    if (::rename(part.c_str(), target.c_str()) == 0) return {};
    return base::fail_errno(errno, concat("cannot name ", target.native()));
  };
  auto written = write();
  if (!written) WRENN_TRY(base::remove_tree(part));
  return written;
}

// Of the chain, the image and all else as one file.
Result<DiskChain> merge(const DiskChain& chain, const base::Path& target) {
  const DiskChain stores(chain.begin() + 1, chain.end());
  WRENN_TRY_ASSIGN(const auto files, open_all(stores));
  WRENN_TRY(write_whole(
      target, [&files](int out) { return storage::dm::merge_stores(numbers_of(files), out); }));
  return DiskChain{chain.front(), {target, DiskFormat::kDmStore}};
}

Result<storage::Disk> make_store(const VmPlace& place, const DiskChain& lower, std::size_t number) {
  return storage::create_disk({.backend = storage::CowBackend::kDmSnapshot,
                               .base = lower.back().path,
                               .base_format = lower.back().format,
                               .target = place.directory / disk_file(number),
                               .virtual_size_bytes = place.shape.disk_bytes(),
                               .backing_name = {}});
}

storage::dm::DiskFiles files_of(const DiskChain& lower, const storage::Disk& top,
                                const Shape& shape) {
  storage::dm::DiskFiles files{
      .image = lower.front().path, .stores = {}, .bytes = shape.disk_bytes()};
  for (std::size_t i = 1; i < lower.size(); ++i) files.stores.push_back(lower[i].path);
  files.stores.push_back(top.path);
  return files;
}

Result<void> check_chain(const DiskChain& chain) {
  const bool fits = chain.front().format == DiskFormat::kRaw &&
                    std::all_of(chain.begin() + 1, chain.end(), [](const DiskFile& disk) {
                      return disk.format == DiskFormat::kDmStore;
                    });
  if (fits) return {};
  return base::fail(Code::kDataLoss, "a disk by dm-snapshot lies on disks of another kind");
}

Result<void> check_room(const VmPlace& place) {
  WRENN_TRY_ASSIGN(const std::uint64_t free, storage::free_space(place.directory));
  if (free >= kSnapshotReserve) return {};
  return base::fail(
      Code::kResourceExhausted,
      concat("the host's disk has ", base::human_bytes(free),
             " left, and disks by dm-snapshot need ", base::human_bytes(kSnapshotReserve),
             ": one that finds no room is lost"),
      "free space on the disk of $WRENN_DIR: remove sandboxes or templates nobody needs");
}

}  // namespace

Result<void> make_snapshot_disk(const Host& host, const DiskChain& base_disks, VmPlace& place) {
  WRENN_TRY(check_chain(base_disks));
  WRENN_TRY(check_room(place));
  place.lower_disks = base_disks;
  if (base_disks.size() >= kMergeFrom) {
    const base::Path target = place.directory / disk_file(kFirstStore - 1);
    WRENN_TRY_ASSIGN(place.lower_disks, merge(base_disks, target));
  }
  WRENN_TRY_ASSIGN(place.disk, make_store(place, place.lower_disks, kFirstStore));
  place.is_snapshot = true;  // From now on clear_place() removes the devices.
  WRENN_TRY_ASSIGN(
      const dev_t device,
      host.snapshot_disks->create(place.id, files_of(place.lower_disks, place.disk, place.shape)));
  return storage::dm::make_node(place.directory / kDeviceNode, device, place.uid);
}

Result<void> flatten_disk(const DiskChain& base_disks, VmPlace& place) {
  WRENN_TRY(check_chain(base_disks));
  WRENN_TRY_ASSIGN(const Fd base, base::open_file(base_disks.front().path, O_RDONLY));
  WRENN_TRY_ASSIGN(const auto files, open_all(DiskChain(base_disks.begin() + 1, base_disks.end())));
  const std::uint64_t bytes = place.shape.disk_bytes();
  const base::Path target = place.directory / disk_file(0);
  WRENN_TRY(write_whole(target, [&](int out) {
    return storage::dm::flatten(base.get(), numbers_of(files), bytes, out);
  }));
  place.lower_disks.clear();
  place.disk = {target, DiskFormat::kRaw, bytes};
  return give_to(target, place.uid);
}

Result<void> write_back_disk(const VmPlace& place) {
  return storage::dm::write_back(place.directory / kDeviceNode);
}

Result<NextStore> make_next_store(const VmPlace& place) {
  WRENN_TRY_ASSIGN(const auto files, disks_in(place.directory));
  const auto current = std::ranges::find_if(
      files, [&place](const auto& file) { return file.second == place.disk.path; });
  if (current == files.end() || current->first < kFirstStore) {
    return base::fail(Code::kDataLoss, concat(place.disk.path.native(), " is missing"));
  }
  WRENN_TRY(remove_other_disks(place));  // Of a save that failed.
  NextStore next{.disk = {}, .lower_disks = place.lower_disks};
  if (next.lower_disks.size() >= kMergeFrom) {
    const base::Path target = place.directory / disk_file(current->first - 1);
    WRENN_TRY_ASSIGN(next.lower_disks, merge(place.lower_disks, target));
  }
  WRENN_TRY_ASSIGN(next.disk, make_store(place, place.lower_disks, current->first + kStoreStep));
  return next;
}

Result<void> use_next_store(const Host& host, const NextStore& next, VmPlace& place) {
  DiskChain lower = next.lower_disks;
  lower.push_back({place.disk.path, place.disk.format});
  auto changed =
      host.snapshot_disks->change_files(place.id, files_of(lower, next.disk, place.shape));
  if (!changed) {
    // It may have been done all the same; and only what is surely not used may go.
    WRENN_TRY_ASSIGN(const ino_t current, host.snapshot_disks->current_store(place.id));
    struct stat info{};
    if (::stat(next.disk.path.c_str(), &info) != 0) return base::fail_errno(errno, "stat");
    if (info.st_ino != current) {
      WRENN_TRY(remove_other_disks(place));
      return changed;
    }
  }
  place.lower_disks = std::move(lower);
  place.disk = next.disk;
  if (auto removed = remove_other_disks(place); !removed) {
    base::log_warn("files of disks stay behind",
                   {{"sandbox", place.id}, {"error", removed.error()}});
  }
  return {};
}

Result<void> adopt_snapshot_disk(const Host& host, const DiskChain& base, VmPlace& place) {
  if (!host.snapshot_disks) {
    return base::fail(Code::kUnavailable, "its disk is device-mapper's, which cannot be used now",
                      "see 'storage' in wrenn doctor");
  }
  WRENN_TRY(host.snapshot_disks->go_on(place.id));
  WRENN_TRY_ASSIGN(const ino_t current, host.snapshot_disks->current_store(place.id));
  return read_snapshot_chain(base, current, place);
}

Result<void> read_snapshot_chain(const DiskChain& base, std::optional<ino_t> current,
                                 VmPlace& place) {
  WRENN_TRY_ASSIGN(const auto files, disks_in(place.directory));
  DiskChain chain = base;
  bool is_found = false;
  for (const auto& [number, path] : files) {
    struct stat info{};
    if (number == 0 || ::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    // It has all that is below, so what was merged into it may be left out, or not.
    if (is_merged(number)) chain.resize(1);
    chain.push_back({path, DiskFormat::kDmStore});
    is_found = !is_merged(number) && (!current || info.st_ino == *current);
    if (is_found && current) break;
  }
  if (!is_found) {
    return base::fail(Code::kDataLoss,
                      concat("there is no disk of a VM in ", place.directory.native()));
  }
  place.disk = {chain.back().path, DiskFormat::kDmStore, place.shape.disk_bytes()};
  chain.pop_back();
  place.lower_disks = std::move(chain);
  return remove_other_disks(place);
}

}  // namespace wrenn::agent
