#include "agent/save_vm.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "agent/disk_chain.h"
#include "agent/snapshot_disk.h"
#include "agent/working_set.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/scope.h"
#include "vm/memory_map.h"

namespace wrenn::agent {
namespace {

using base::concat;
using base::Result;

// From so many on, all but the lowest are written as one: the lowest is the template's, which every
// sandbox shares.
constexpr int kMaxLayers = 8;

class Saving {
 public:
  Saving(Host& host, LiveVm& vm, const SaveRequest& request)
      : host_(host), vm_(vm), request_(request) {}

  net::Task<Result<void>> run(Timings& timings) {
    if (request_.what == SaveWhat::kMemoryAndDisk) {
      WRENN_CO_TRY(co_await host_.pool->run([this] { return prepare_memory(); }));
    }
    WRENN_CO_TRY(co_await settle_disks());
    const bool goes_on = request_.afterwards == Afterwards::kGoesOn;
    if (goes_on && has_overlays()) {
      WRENN_CO_TRY_ASSIGN(new_disk_,
                          co_await host_.pool->run([this] { return make_overlay(vm_.place); }));
    }
    if (vm_.place.is_snapshot) {
      WRENN_CO_TRY(co_await host_.pool->run([&]() -> Result<void> {
        if (goes_on) {
          WRENN_TRY_ASSIGN(next_store_, make_next_store(vm_.place));
        }
        // Most of it while the guest still runs.
        return write_back_disk(vm_.place);
      }));
    }
    const auto stopped_at = base::steady_now();
    const vm::VmSpec spec = vm_.place.spec();
    Stopwatch watch(timings);
    auto saved = co_await host_.hypervisor->stop(spec);
    if (saved) saved = co_await save_stopped(spec, watch);
    if (goes_on || !saved) {
      auto going = co_await host_.hypervisor->go_on(spec);
      if (saved) saved = std::move(going);
      timings["source_stopped"] = ms_since(stopped_at);
      watch.lap("go_on");
    }
    if (new_disk_ && is_new_disk_unused_) {
      co_await host_.pool->run([this] { return base::remove_tree(new_disk_->path); });
    }
    if (next_store_) co_await host_.pool->run([this] { return remove_other_disks(vm_.place); });
    if (saved) saved = co_await host_.pool->run([this] { return keep_files(); });
    if (!saved && !goes_on) (void)co_await host_.hypervisor->go_on(spec);
    watch.lap("files");
    co_return saved;
  }

 private:
  const storage::CheckpointManifest& base() const { return request_.base->manifest; }

  net::Task<Result<void>> settle_disks() {
    VmPlace& place = vm_.place;
    if (place.is_snapshot) co_return {};
    if (place.lower_disks.size() >= kMaxUnmerged) {
      if (!place.is_merging) WRENN_CO_TRY(co_await start_merge(host_, place));
      WRENN_CO_TRY(co_await wait_for_merge(host_, place.spec()));
    }
    co_return co_await settle_merge(host_, request_.base->disks(), place);
  }

  // Blocking. All that can be done while the guest still runs.
  Result<void> prepare_memory() {
    memory_ = vm::MemoryMap::zero(vm_.place.shape.memory_bytes());
    if (base().has_memory) {
      WRENN_TRY_ASSIGN(memory_, vm::read_memory_map(request_.base->memory().map));
      layer_ = base().memory_layers < kMaxLayers ? base().memory_layers : 1;
    }
    const base::Path path = request_.directory / memory_layer_file(layer_);
    WRENN_TRY_ASSIGN(layer_file_, base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0400));
    // Left over from a save that failed.
    if (::unlink((vm_.place.directory / kDevicesFile).c_str()) != 0 && errno != ENOENT) {
      return base::fail_errno(errno, "cannot remove an old device state");
    }
    return {};
  }

  net::Task<Result<void>> save_stopped(const vm::VmSpec& spec, Stopwatch& watch) {
    if (request_.what == SaveWhat::kMemoryAndDisk) {
      WRENN_CO_TRY(co_await host_.hypervisor->save_devices(spec));
      watch.lap("devices");
      WRENN_CO_TRY_ASSIGN(memory_, co_await host_.hypervisor->save_memory(
                                       spec, vm_.process, memory_, layer_, layer_file_.get()));
      watch.lap("memory");
    }
    if (vm_.place.is_snapshot) {
      WRENN_CO_TRY(co_await host_.pool->run([this] { return save_snapshot_disk(); }));
      watch.lap("disk");
      co_return {};
    }
    saved_disks_ = vm_.place.lower_disks;
    saved_disks_.push_back({vm_.place.disk.path, vm_.place.disk.format});
    if (request_.afterwards == Afterwards::kStays) co_return {};
    if (!has_overlays()) {
      WRENN_CO_TRY(co_await host_.pool->run([this] { return copy_disk(); }));
      watch.lap("disk");
      co_return {};
    }
    const std::string file = new_disk_->path.filename();
    if (auto switched = co_await host_.hypervisor->switch_disk(spec, file); !switched) {
      // It may have done so and said it too late.
      const auto current = co_await host_.hypervisor->current_disk(spec);
      is_new_disk_unused_ = current && *current != file;
      if (!current || is_new_disk_unused_) co_return switched;
    }
    vm_.place.lower_disks = saved_disks_;
    vm_.place.disk = *std::exchange(new_disk_, std::nullopt);
    watch.lap("disk");
    co_return {};
  }

  // Blocking.
  Result<void> save_snapshot_disk() {
    VmPlace& place = vm_.place;
    WRENN_TRY(write_back_disk(place));
    WRENN_TRY(host_.snapshot_disks->check(place.id));
    if (next_store_) {
      const NextStore next = *std::exchange(next_store_, std::nullopt);
      WRENN_TRY(use_next_store(host_, next, place));
      saved_disks_ = place.lower_disks;
      return {};
    }
    saved_disks_ = place.lower_disks;
    saved_disks_.push_back({place.disk.path, place.disk.format});
    return {};
  }

  bool has_overlays() const {
    return !vm_.place.is_snapshot && host_.hypervisor->disk_support() == vm::DiskSupport::kOverlays;
  }

  // Blocking. A disk that is one whole file is copied, which is no work where blocks are shared,
  // and the VM goes on with its own.
  Result<void> copy_disk() {
    copied_disk_ = request_.directory / "disk.tmp";
    WRENN_TRY(storage::create_disk({.backend = host_.disk_backend,
                                    .base = vm_.place.disk.path,
                                    .target = copied_disk_,
                                    .backing_name = {}}));
    saved_disks_ = {{copied_disk_, storage::DiskFormat::kRaw}};
    return {};
  }

  // Blocking.
  Result<void> keep_files() {
    WRENN_TRY(write_files());
    return copied_disk_.empty() ? Result<void>() : base::remove_tree(copied_disk_);
  }

  Result<void> write_files() {
    auto manifest = new_checkpoint_manifest(host_, vm_.place.shape);
    manifest.envd_version = base().envd_version;
    manifest.defaults = request_.defaults.value_or(base().defaults);
    if (request_.what == SaveWhat::kMemoryAndDisk) {
      manifest.has_memory = true;
      manifest.memory_layers = layer_ + 1;
      manifest.envd_token = base::Secret(std::string(request_.envd_token.reveal()));
      for (int layer = 0; layer < layer_; ++layer) {
        const std::string name = memory_layer_file(layer);
        WRENN_TRY(link_file(request_.base->directory / name, request_.directory / name));
      }
      WRENN_TRY(write_map());
      WRENN_TRY(take_file(vm_.place.directory / kDevicesFile, request_.directory / kDevicesFile));
      WRENN_TRY(keep_working_set(vm_.place.directory, *request_.base, request_.directory));
    }
    return keep_disks(saved_disks_, std::move(manifest), request_.directory);
  }

  Result<void> write_map() {
    const base::Path path = request_.directory / kMemoryMapFile;
    WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0400));
    return base::write_all(file.get(), vm::to_bytes(memory_));
  }

 public:
  static Result<void> keep_disks(const DiskChain& disks, storage::CheckpointManifest manifest,
                                 const base::Path& directory) {
    for (std::size_t i = 0; i < disks.size(); ++i) {
      WRENN_TRY(take_file(disks[i].path, directory / disk_file(i)));
      manifest.disks.push_back(disks[i].format);
    }
    return storage::write_manifest(directory / storage::kCheckpointFile, manifest);
  }

 private:
  Host& host_;
  LiveVm& vm_;
  const SaveRequest& request_;
  vm::MemoryMap memory_;
  int layer_ = 0;
  base::Fd layer_file_;
  std::optional<storage::Disk> new_disk_;  // Until it is switched to.
  bool is_new_disk_unused_ = true;
  std::optional<NextStore> next_store_;  // Until it is used.
  base::Path copied_disk_;               // In the request's directory, until it has its name.
  DiskChain saved_disks_;
};

}  // namespace

net::Task<Result<void>> save_vm(Host& host, LiveVm& vm, const SaveRequest& request,
                                Timings& timings) {
  Saving saving(host, vm, request);
  auto saved = co_await saving.run(timings);
  co_return saved;
}

Result<void> save_disk(const Host& host, const VmPlace& place, const CheckpointPtr& base,
                       const base::Path& directory) {
  auto manifest = new_checkpoint_manifest(host, place.shape);
  manifest.envd_version = base->manifest.envd_version;
  manifest.defaults = base->manifest.defaults;
  DiskChain disks = place.lower_disks;
  disks.push_back({place.disk.path, place.disk.format});
  return Saving::keep_disks(disks, std::move(manifest), directory);
}

}  // namespace wrenn::agent
