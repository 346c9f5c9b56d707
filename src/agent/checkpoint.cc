#include "agent/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "vm/memory_map.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

Result<void> check_file(const base::Path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) return {};
  return base::fail(Code::kDataLoss, concat(path.native(), " is missing"));
}

Result<void> check_memory(const Checkpoint& checkpoint) {
  const vm::MemoryImage image = checkpoint.memory();
  WRENN_TRY_ASSIGN(const vm::MemoryMap map, vm::read_memory_map(image.map));
  const bool fits = map.memory_bytes == checkpoint.shape().memory_bytes() &&
                    map.layer_count == checkpoint.manifest.memory_layers;
  if (!fits) {
    return base::fail(Code::kDataLoss, concat(image.map.native(), " is of another memory"));
  }
  WRENN_TRY(vm::check_layers(map, image.layers));
  return check_file(checkpoint.directory / kDevicesFile);
}

}  // namespace

std::string Shape::name() const {
  return concat(vcpus, "cpu-", memory_mb, "mb-", disk_mb, "mb");
}

std::string memory_layer_file(int layer) {
  return concat("memory-", layer);
}
std::string disk_file(std::size_t index) {
  return concat("disk-", index);
}

DiskChain Checkpoint::disks() const {
  DiskChain chain;
  for (const auto format : manifest.disks) {
    chain.push_back({directory / disk_file(chain.size()), format});
  }
  return chain;
}

vm::MemoryImage Checkpoint::memory() const {
  vm::MemoryImage image{directory / kMemoryMapFile, {}, directory / kWorkingSetFile};
  for (int layer = 0; layer < manifest.memory_layers; ++layer) {
    image.layers.push_back(directory / memory_layer_file(layer));
  }
  return image;
}

Result<CheckpointPtr> load_checkpoint(const base::Path& directory) {
  WRENN_TRY_ASSIGN(auto manifest,
                   storage::read_checkpoint_manifest(directory / storage::kCheckpointFile));
  auto checkpoint = std::make_shared<Checkpoint>(Checkpoint{directory, std::move(manifest)});
  for (const auto& disk : checkpoint->disks()) WRENN_TRY(check_file(disk.path));
  if (checkpoint->manifest.has_memory) WRENN_TRY(check_memory(*checkpoint));
  return CheckpointPtr(std::move(checkpoint));
}

Result<void> link_checkpoint(const Checkpoint& from, const base::Path& directory) {
  for (std::size_t i = 0; i < from.manifest.disks.size(); ++i) {
    WRENN_TRY(link_file(from.directory / disk_file(i), directory / disk_file(i)));
  }
  if (from.manifest.has_memory) {
    for (int layer = 0; layer < from.manifest.memory_layers; ++layer) {
      const std::string name = memory_layer_file(layer);
      WRENN_TRY(link_file(from.directory / name, directory / name));
    }
    WRENN_TRY(link_file(from.directory / kMemoryMapFile, directory / kMemoryMapFile));
    WRENN_TRY(link_file(from.directory / kDevicesFile, directory / kDevicesFile));
    WRENN_TRY(link_working_set(from, directory));
  }
  return link_file(from.directory / storage::kCheckpointFile, directory / storage::kCheckpointFile);
}

Result<void> link_file(const base::Path& from, const base::Path& to) {
  if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0) == 0) return {};
  return base::fail_errno(errno, concat("cannot link ", from.native(), " to ", to.native()));
}

Result<void> link_working_set(const Checkpoint& from, const base::Path& directory) {
  const base::Path path = from.directory / kWorkingSetFile;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  return link_file(path, directory / kWorkingSetFile);
}

Result<void> take_file(const base::Path& from, const base::Path& to) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return base::fail(Code::kDataLoss, concat(from.native(), " is not a plain file"));
  }
  const bool is_ours = info.st_uid == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!is_ours && (::fchown(file.get(), 0, 0) != 0 || ::fchmod(file.get(), 0444) != 0)) {
    return base::fail_errno(errno, concat("cannot take over ", from.native()));
  }
  // The very file that was looked at, whatever its name means by now.
  const std::string opened = concat("/proc/self/fd/", file.get());
  if (::linkat(AT_FDCWD, opened.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return base::fail_errno(errno, concat("cannot link ", from.native(), " to ", to.native()));
  }
  return {};
}

storage::CheckpointManifest new_checkpoint_manifest(const Host& host, const Shape& shape) {
  storage::CheckpointManifest manifest;
  manifest.vcpus = shape.vcpus;
  manifest.memory_mb = shape.memory_mb;
  manifest.disk_mb = shape.disk_mb;
  manifest.kernel_version = host.kernel.version;
  manifest.hypervisor = host.hypervisor->name();
  manifest.hypervisor_version = host.hypervisor->version();
  manifest.accelerator = vm::accelerator_name(host.hypervisor->accelerator());
  manifest.processor = processor_name();
  manifest.created_unix_ms = base::unix_ms_now();
  return manifest;
}

Result<void> check_machine(const Host& host, const Checkpoint& checkpoint) {
  if (!checkpoint.manifest.has_memory) return {};
  const storage::CheckpointManifest& saved = checkpoint.manifest;
  const auto check = [](std::string_view what, std::string_view then,
                        std::string_view now) -> Result<void> {
    if (then == now) return {};
    return base::fail(Code::kFailedPrecondition,
                      concat("its memory was saved with the ", what, " '", then,
                             "', and this host has '", now, "'"),
                      "resume it on a host like the one it was paused on");
  };
  WRENN_TRY(check("hypervisor", saved.hypervisor, host.hypervisor->name()));
  WRENN_TRY(check("accelerator", saved.accelerator,
                  vm::accelerator_name(host.hypervisor->accelerator())));
  return check("processor", saved.processor, processor_name());
}

std::string processor_name() {
  const auto text = base::read_file("/proc/cpuinfo");
  if (!text) return {};
  for (const auto line : base::split(*text, '\n')) {
    if (line.starts_with("model name")) return std::string(base::trim(line));
  }
  return {};
}

}  // namespace wrenn::agent
