#include "storage/dm/snapshot_disks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/dm/exception_store.h"
#include "storage/dm/loop_device.h"
#include "storage/file_range.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::concat;
using base::Fd;
using base::Path;
using base::Result;

constexpr std::string_view kTop = "top";

// "ID.PART" -> ID and PART.
struct DeviceName {
  std::string id;
  std::string part;
};
std::optional<DeviceName> parse_name(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return DeviceName{std::string(name.substr(0, dot)), std::string(name.substr(dot + 1))};
}

Result<LoopDevice> attach(const Path& path, LoopAccess access) {
  const int how = access == LoopAccess::kReadOnly ? O_RDONLY : O_RDWR;
  WRENN_TRY_ASSIGN(const Fd file, base::open_file(path, how | O_NOFOLLOW | O_NONBLOCK));
  auto loop = attach_loop(file.get(), access);
  if (!loop) return base::fail(std::move(loop).error().with_context(path.native()));
  return loop;
}

// A store that does not change any more. The kernel's tables are in proportion to the device, so it
// is no larger than what is used.
Result<LoopDevice> attach_used(const Path& path) {
  WRENN_TRY_ASSIGN(const Fd file, base::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  auto used = used_bytes(file.get());
  if (!used) return base::fail(std::move(used).error().with_context(path.native()));
  return attach_loop(file.get(), LoopAccess::kReadOnly, *used);
}

// So many bytes of zeros that take no room and have no name.
Result<LoopDevice> attach_zeros(const Path& dir, std::uint64_t bytes) {
  const Path path = dir / concat("zeros.tmp-", base::to_hex(base::random_bytes(6)));
  WRENN_TRY_ASSIGN(const Fd file, base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  if (::unlink(path.c_str()) != 0) return base::fail_errno(errno, "unlink");
  WRENN_TRY(grow(file.get(), bytes));
  return attach_loop(file.get(), LoopAccess::kReadOnly);
}

Result<void> check_files(const DiskFiles& files) {
  if (files.stores.empty() || files.bytes == 0 || files.bytes % kChunkBytes != 0) {
    return base::fail(Code::kInvalidArgument, "a disk by dm-snapshot has a multiple of 4 KiB");
  }
  WRENN_TRY_ASSIGN(const Fd top, base::open_file(files.stores.back(), O_RDONLY));
  WRENN_TRY_ASSIGN(const std::uint64_t bytes, file_size(top.get()));
  if (bytes >= store_bytes(files.bytes)) return {};
  return base::fail(Code::kInvalidArgument,
                    concat(files.stores.back().native(), " could overflow: it needs ",
                           store_bytes(files.bytes), " bytes"));
}

}  // namespace

Result<SnapshotDisks> SnapshotDisks::open(std::string prefix) {
  WRENN_TRY_ASSIGN(Control control, Control::open());
  return SnapshotDisks(std::move(prefix), std::move(control));
}

std::string SnapshotDisks::name(const std::string& id, std::string_view part) const {
  return concat(prefix_, id, '.', part);
}

Result<std::vector<std::string>> SnapshotDisks::parts(const std::string& id) const {
  WRENN_TRY_ASSIGN(const auto names, control_.list());
  std::vector<std::string> found;
  for (const auto& one : names) {
    if (auto parsed = parse_name(one, prefix_); parsed && parsed->id == id) {
      found.push_back(std::move(parsed->part));
    }
  }
  return found;
}

// The highest first, since each lies on the one before it.
Result<void> SnapshotDisks::remove_parts(const std::string& id,
                                         std::vector<std::string> parts) const {
  const auto height = [](const std::string& part) {
    return base::parse_int<std::uint64_t>(part).value_or(~0ull);
  };
  std::ranges::sort(parts, std::greater(), height);
  for (const auto& part : parts) WRENN_TRY(control_.remove(name(id, part)));
  return {};
}

Result<dev_t> SnapshotDisks::make_image(const std::string& id, const DiskFiles& files,
                                        std::size_t number) const {
  WRENN_TRY_ASSIGN(const LoopDevice image, attach(files.image, LoopAccess::kReadOnly));
  struct stat info{};
  if (::stat(files.image.c_str(), &info) != 0) return base::fail_errno(errno, "stat");
  const auto bytes = static_cast<std::uint64_t>(info.st_size);
  if (bytes % kSectorBytes != 0 || bytes > files.bytes) {
    return base::fail(Code::kInvalidArgument,
                      concat(files.image.native(), " of ", bytes,
                             " bytes is no image of a disk of ", files.bytes));
  }
  const std::uint64_t sectors = bytes / kSectorBytes;
  const std::uint64_t all = files.bytes / kSectorBytes;
  std::vector<TableLine> table;
  if (sectors > 0) table.push_back(linear_line(0, sectors, image.number));
  LoopDevice zeros;
  if (all > sectors) {
    WRENN_TRY_ASSIGN(zeros, attach_zeros(files.stores.back().parent_path(), files.bytes - bytes));
    table.push_back(linear_line(sectors, all - sectors, zeros.number));
  }
  return control_.create(name(id, concat(number)), table, DeviceAccess::kReadOnly);
}

Result<dev_t> SnapshotDisks::make_level(const std::string& id, const DiskFiles& files, dev_t below,
                                        std::size_t store, std::size_t number) const {
  WRENN_TRY_ASSIGN(const LoopDevice loop, attach_used(files.stores.at(store)));
  return control_.create(name(id, concat(number)),
                         {snapshot_line(files.bytes / kSectorBytes, below, loop.number)},
                         DeviceAccess::kReadOnly);
}

// The image and so many stores, each of which does not change any more.
Result<dev_t> SnapshotDisks::make_lower(const std::string& id, const DiskFiles& files,
                                        std::size_t count, std::size_t first_number) const {
  WRENN_TRY_ASSIGN(dev_t below, make_image(id, files, first_number));
  for (std::size_t i = 0; i < count; ++i) {
    WRENN_TRY_ASSIGN(below, make_level(id, files, below, i, first_number + 1 + i));
  }
  return below;
}

Result<dev_t> SnapshotDisks::create(const std::string& id, const DiskFiles& files) const {
  WRENN_TRY(check_files(files));
  WRENN_TRY(remove(id));
  const auto make = [&]() -> Result<dev_t> {
    WRENN_TRY_ASSIGN(const dev_t below, make_lower(id, files, files.stores.size() - 1, 0));
    WRENN_TRY_ASSIGN(const LoopDevice store, attach(files.stores.back(), LoopAccess::kReadWrite));
    return control_.create(name(id, kTop),
                           {snapshot_line(files.bytes / kSectorBytes, below, store.number)},
                           DeviceAccess::kReadWrite);
  };
  auto made = make();
  if (made) return made;
  if (auto removed = remove(id); !removed) {
    base::log_warn("devices stay behind", {{"sandbox", id}, {"error", removed.error()}});
  }
  return base::fail(std::move(made).error().with_context("making a disk by device-mapper"));
}

// What the disk writes to becomes the last but one, and is complete as soon as the disk is
// suspended; all below it is made before.
Result<void> SnapshotDisks::put_on(const std::string& id, const DiskFiles& files,
                                   std::size_t first_number) const {
  const std::size_t lower = files.stores.size() - 1;
  const std::size_t unchanging = lower == 0 ? 0 : lower - 1;
  WRENN_TRY_ASSIGN(dev_t below, make_lower(id, files, unchanging, first_number));
  WRENN_TRY_ASSIGN(const LoopDevice store, attach(files.stores.back(), LoopAccess::kReadWrite));
  WRENN_TRY(control_.suspend(name(id, kTop)));
  const auto load = [&]() -> Result<void> {
    if (lower > 0) {
      WRENN_TRY_ASSIGN(below,
                       make_level(id, files, below, unchanging, first_number + 1 + unchanging));
    }
    return control_.load(name(id, kTop),
                         {snapshot_line(files.bytes / kSectorBytes, below, store.number)});
  };
  auto loaded = load();
  auto resumed = control_.resume(name(id, kTop));
  if (resumed) return loaded;
  // The new table is gone then: it goes on with the old one.
  WRENN_TRY(control_.resume(name(id, kTop)));
  return resumed;
}

Result<void> SnapshotDisks::change_files(const std::string& id, const DiskFiles& files) const {
  WRENN_TRY(check_files(files));
  WRENN_TRY(check(id));
  WRENN_TRY_ASSIGN(const auto old, parts(id));
  std::size_t number = 0;  // Above all that there are.
  for (const auto& part : old) {
    number = std::max(number, base::parse_int<std::size_t>(part).value_or(0) + 1);
  }
  auto changed = put_on(id, files, number);
  // What it lies on no longer, or does not come to lie on.
  std::vector<std::string> rest;
  const auto all = parts(id);
  if (!all) base::log_warn("devices stay behind", {{"sandbox", id}, {"error", all.error()}});
  for (const auto& part : all.value_or(std::vector<std::string>())) {
    const bool is_old = std::ranges::find(old, part) != old.end();
    if (part != kTop && is_old == changed.has_value()) rest.push_back(part);
  }
  if (auto removed = remove_parts(id, std::move(rest)); !removed) {
    base::log_warn("devices stay behind", {{"sandbox", id}, {"error", removed.error()}});
  }
  if (changed) return {};
  return base::fail(std::move(changed).error().with_context("changing the files of a disk"));
}

Result<void> SnapshotDisks::go_on(const std::string& id) const {
  return control_.resume(name(id, kTop));
}

Result<ino_t> SnapshotDisks::current_store(const std::string& id) const {
  WRENN_TRY_ASSIGN(const auto table, control_.table(name(id, kTop)));
  WRENN_TRY_ASSIGN(const SnapshotDevices devices, snapshot_devices_in(table));
  return inode_behind(devices.store);
}

Result<SnapshotStatus> SnapshotDisks::check(const std::string& id) const {
  WRENN_TRY_ASSIGN(const SnapshotStatus status, control_.snapshot_status(name(id, kTop)));
  if (status.state == SnapshotState::kGood) return status;
  return base::fail(Code::kDataLoss,
                    status.state == SnapshotState::kFull
                        ? "the kernel gave the disk up, whose store was too small"
                        : "the kernel gave the disk up after a write to its store that failed",
                    "look whether the file system of $WRENN_DIR is full or broken; the sandbox can "
                    "only be destroyed");
}

Result<void> SnapshotDisks::remove(const std::string& id) const {
  WRENN_TRY_ASSIGN(auto found, parts(id));
  return remove_parts(id, std::move(found));
}

Result<void> SnapshotDisks::sweep(const std::set<std::string>& keep) const {
  WRENN_TRY_ASSIGN(const auto names, control_.list());
  std::set<std::string> ids;
  for (const auto& one : names) {
    if (const auto parsed = parse_name(one, prefix_); parsed && !keep.contains(parsed->id)) {
      ids.insert(parsed->id);
    }
  }
  Result<void> first;
  for (const auto& id : ids) {
    if (auto removed = remove(id); !removed && first) first = std::move(removed);
  }
  return first;
}

Result<void> make_node(const Path& path, dev_t device, uid_t uid) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return base::fail_errno(errno, "unlink");
  if (::mknod(path.c_str(), S_IFBLK | 0600, device) != 0 || ::lchown(path.c_str(), uid, uid) != 0) {
    return base::fail_errno(errno, concat("cannot make ", path.native()));
  }
  return {};
}

bool is_node(const Path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode);
}

Result<void> write_back(const Path& node) {
  WRENN_TRY_ASSIGN(const Fd device, base::open_file(node, O_RDONLY | O_NOFOLLOW));
  constexpr unsigned kAll =
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  if (::sync_file_range(device.get(), 0, 0, kAll) == 0) return {};
  return base::fail_errno(errno, "cannot write a disk back");
}

}  // namespace wrenn::storage::dm
