#include "agent/disk_chain.h"

#include <algorithm>
#include <filesystem>

#include "base/strings.h"
#include "net/loop.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::string_view kJailDisks = "/disks/";
constexpr std::string_view kDiskPrefix = "disk-";  // See disk_file().

// The N of a file disk-N.
std::optional<std::size_t> number_of_disk(const base::Path& file) {
  const std::string name = file.filename();
  if (!name.starts_with(kDiskPrefix)) return std::nullopt;
  return base::parse_int<std::size_t>(std::string_view(name).substr(kDiskPrefix.size()));
}

// How many disks of the chain the file lies on. What it says is not trusted: at most all.
Result<std::size_t> disks_under(const base::Path& file, const DiskChain& chain) {
  WRENN_TRY_ASSIGN(const std::string name, storage::backing_name(file));
  for (std::size_t index = 0; index < chain.size(); ++index) {
    if (name == name_in_jail(index)) return index + 1;
  }
  return base::fail(Code::kDataLoss, concat(file.native(), " lies on an unknown disk"));
}

}  // namespace

base::Path name_in_jail(std::size_t index) {
  return concat(kJailDisks, index);
}

Result<std::map<std::size_t, base::Path>> disks_in(const base::Path& directory) {
  std::map<std::size_t, base::Path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (const auto number = number_of_disk(entry.path())) found.emplace(*number, entry.path());
  }
  if (!error) return found;
  return base::fail_errno(error.value(), concat("cannot list ", directory.native()));
}

Result<void> remove_other_disks(const VmPlace& place) {
  WRENN_TRY_ASSIGN(const auto files, disks_in(place.directory));
  for (const auto& [number, path] : files) {
    const auto is_it = [&path](const DiskFile& disk) { return disk.path == path; };
    if (path == place.disk.path || std::ranges::any_of(place.lower_disks, is_it)) continue;
    WRENN_TRY(base::remove_tree(path));
  }
  return {};
}

Result<std::size_t> next_disk_number(const base::Path& directory) {
  WRENN_TRY_ASSIGN(const auto disks, disks_in(directory));
  return disks.empty() ? 0 : disks.rbegin()->first + 1;
}

Result<std::size_t> merge_base(const VmPlace& place) {
  constexpr std::uint64_t kMuch = 2;
  std::uint64_t above = 0;
  for (std::size_t i = 2; i < place.lower_disks.size(); ++i) {
    WRENN_TRY_ASSIGN(const std::uint64_t bytes, storage::disk_usage(place.lower_disks[i].path));
    above += bytes;
  }
  WRENN_TRY_ASSIGN(const std::uint64_t first, storage::disk_usage(place.lower_disks.at(1).path));
  return first > kMuch * above ? 1 : 0;
}

Result<void> read_chain(const DiskChain& base, std::string_view current, VmPlace& place) {
  WRENN_TRY_ASSIGN(const auto files, disks_in(place.directory));
  // One that is complete takes the first number of all.
  DiskChain chain = files.contains(0) ? DiskChain() : base;
  bool is_found = false;
  for (const auto& [number, path] : files) {
    if (number == 0) {
      chain.push_back({path, storage::DiskFormat::kRaw});
    } else {
      WRENN_TRY_ASSIGN(const std::size_t under, disks_under(path, chain));
      chain.resize(under);
      chain.push_back({path, storage::DiskFormat::kQcow2});
    }
    is_found = current.empty() || path.filename() == current;
    if (is_found && !current.empty()) break;
  }
  if (!is_found) {
    return base::fail(Code::kDataLoss,
                      concat("there is no disk ", current, " in ", place.directory.native()));
  }
  place.disk.path = chain.back().path;
  place.disk.format = chain.back().format;
  chain.pop_back();
  place.lower_disks = std::move(chain);
  return remove_other_disks(place);
}

net::Task<Result<void>> settle_merge(Host& host, const DiskChain& base, VmPlace& place) {
  if (!place.is_merging) co_return {};
  place.is_merging = false;
  WRENN_CO_TRY(co_await host.hypervisor->cancel_merge(place.spec()));
  const std::string current = place.disk.path.filename();
  co_return co_await host.pool->run([&] { return read_chain(base, current, place); });
}

net::Task<Result<void>> start_merge(Host& host, VmPlace& place) {
  if (place.is_snapshot || host.hypervisor->disk_support() == vm::DiskSupport::kRawOnly) {
    co_return {};
  }
  WRENN_CO_TRY_ASSIGN(const std::size_t onto,
                      co_await host.pool->run([&place] { return merge_base(place); }));
  WRENN_CO_TRY(co_await host.hypervisor->start_merge(place.spec(), onto));
  place.is_merging = true;
  co_return {};
}

net::Task<Result<void>> wait_for_merge(Host& host, vm::VmSpec spec) {
  constexpr auto kLookInterval = std::chrono::milliseconds(50);
  while (true) {
    WRENN_CO_TRY(co_await net::sleep_for(kLookInterval));
    WRENN_CO_TRY_ASSIGN(const bool is_running, co_await host.hypervisor->is_merging(spec));
    if (!is_running) co_return {};
  }
}

}  // namespace wrenn::agent
