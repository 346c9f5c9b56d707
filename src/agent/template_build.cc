#include "agent/template_build.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "agent/live_vm.h"
#include "agent/save_vm.h"
#include "agent/start_vm.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/scope.h"
#include "storage/manifest.h"
#include "storage/staged_dir.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr auto kBootTimeout = std::chrono::seconds(120);
constexpr auto kWarmUpTimeout = std::chrono::seconds(120);

// What agents do first, run once so that it is in memory when a sandbox starts. An image made of a
// container may have only some of these programs.
constexpr std::array kWarmUp = {
    "true", "! command -v bash >/dev/null || bash -lc true",
    "! command -v python3 >/dev/null || python3 -c 'import json, os, re, subprocess, sys'",
    "! command -v git >/dev/null || git --version", "ls -la / /usr/bin >/dev/null"};

// save_vm() wants a directory of its own.
constexpr const char* kSavedDirectory = "saved";

class Builder {
 public:
  Builder(Host& host, TemplateBuild build, base::Path staged)
      : host_(host), build_(std::move(build)), staged_(std::move(staged)) {}

  net::Task<Result<void>> run() {
    WRENN_CO_TRY(co_await host_.pool->run([this] { return prepare(); }));
    auto built = co_await boot_and_save();
    // Whatever happened, the VM goes now: only its files are wanted.
    auto cleared = co_await host_.pool->run([this] { return clear(); });
    if (!built) co_return base::fail(std::move(built).error());
    WRENN_CO_TRY(std::move(cleared));
    co_return co_await host_.pool->run([this] { return keep_files(); });
  }

 private:
  // The image itself, as a checkpoint without memory.
  Result<void> prepare() {
    auto manifest = new_checkpoint_manifest(host_, build_.shape);
    manifest.disks = {storage::DiskFormat::kRaw};
    image_ = std::make_shared<const Checkpoint>(Checkpoint{staged_ / "image", manifest});
    WRENN_TRY(base::make_dirs(image_->directory, 0700));
    WRENN_TRY(
        link_file(host_.config.layout.image_rootfs(build_.name), image_->directory / disk_file(0)));
    WRENN_TRY(base::make_dirs(staged_ / kSavedDirectory, 0700));
    WRENN_TRY_ASSIGN(auto slot, host_.slots->acquire());
    WRENN_TRY_ASSIGN(vm_.place, make_place(host_, base::new_id(base::kTemplatePrefix), build_.shape,
                                           staged_ / "vm", image_->disks(), std::move(slot)));
    has_place_ = true;
    return {};
  }

  net::Task<Result<void>> boot_and_save() {
    const vm::VmSpec spec = vm_.place.spec();
    WRENN_CO_TRY_ASSIGN(vm_.process, co_await host_.hypervisor->boot(
                                         spec, {host_.kernel.image, host_.kernel.initramfs}));
    has_process_ = true;
    auto warmed = co_await with_vm_going(host_, spec, warm_up());
    if (!warmed)
      co_return base::fail(co_await with_console(host_, spec, std::move(warmed).error()));
    Timings timings;
    auto base = std::make_shared<Checkpoint>(*image_);
    base->manifest.envd_version = envd_version_;
    const SaveRequest request{.what = SaveWhat::kMemoryAndDisk,
                              .afterwards = Afterwards::kStays,
                              .base = std::move(base),
                              .envd_token = {},
                              .directory = staged_ / kSavedDirectory};
    co_return co_await save_vm(host_, vm_, request, timings);
  }

  // The guest must come up without any connection of ours that a clone would inherit.
  net::Task<Result<void>> warm_up() {
    {
      GuestClient guest(vm_.place.slot.netns.get(), base::Secret());
      auto version = co_await net::with_timeout(kBootTimeout, guest.wait_until_healthy());
      if (!version) {
        co_return base::fail(std::move(version).error().with_context("the guest does not start"));
      }
      envd_version_ = *version;
      WRENN_CO_TRY(co_await net::with_timeout(
          kWarmUpTimeout,
          guest.init(
              {.hostname = "sandbox", .default_user = std::string(kDefaultUser), .envs = {}})));
      WRENN_CO_TRY(co_await net::with_timeout(kWarmUpTimeout, run_commands(guest)));
    }
    constexpr auto kConnectionsEnd = std::chrono::milliseconds(300);
    co_return co_await net::sleep_for(kConnectionsEnd);
  }

  net::Task<Result<void>> run_commands(GuestClient& guest) {
    if (build_.shape.disk_bytes() > image_bytes()) {
      WRENN_CO_TRY(co_await run_command(guest, "resize2fs /dev/vda"));
    }
    for (const char* command : kWarmUp) WRENN_CO_TRY(co_await run_command(guest, command));
    co_return co_await run_command(guest, "sync");
  }

  static net::Task<Result<void>> run_command(GuestClient& guest, std::string text) {
    WRENN_CO_TRY_ASSIGN(auto events, co_await guest.start({.cmd = "/bin/sh",
                                                           .args = {"-c", text},
                                                           .envs = {},
                                                           .cwd = "/",
                                                           .user = "root",
                                                           .tag = {},
                                                           .limit = kWarmUpTimeout}));
    std::string complaints;
    while (true) {
      WRENN_CO_TRY_ASSIGN(const auto message, co_await events.next());
      if (!message) co_return base::fail(Code::kInternal, concat("'", text, "' did not end"));
      const auto& event = message->event();
      if (event.has_data() && complaints.size() < 1000) complaints += event.data().stderr();
      if (!event.has_end()) continue;
      if (event.end().exit_code() == 0) co_return {};
      co_return base::fail(Code::kInternal,
                           concat("'", text, "' failed in the guest (", event.end().status(),
                                  "): ", base::trim(complaints)));
    }
  }

  Result<void> clear() {
    if (has_process_) WRENN_TRY(vm::kill_vm(vm_.process));
    if (has_place_) clear_place(host_, std::move(vm_.place));
    return {};
  }

  Result<void> keep_files() {
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(staged_ / kSavedDirectory, error)) {
      if (::rename(entry.path().c_str(), (staged_ / entry.path().filename()).c_str()) != 0) {
        return base::fail_errno(errno, concat("cannot keep ", entry.path().native()));
      }
    }
    if (error) return base::fail_errno(error.value(), "cannot list what was saved");
    for (const char* name : {"vm", "image", kSavedDirectory}) {
      WRENN_TRY(base::remove_tree(staged_ / name));
    }
    storage::TemplateManifest manifest;
    manifest.name = build_.name.text();
    manifest.kernel_version = host_.kernel.version;
    manifest.kernel.path = host_.kernel.image;
    manifest.initramfs.path = host_.kernel.initramfs;
    manifest.accelerator = vm::accelerator_name(host_.hypervisor->accelerator());
    manifest.hypervisor = host_.hypervisor->name();
    manifest.hypervisor_version = host_.hypervisor->version();
    manifest.vcpus = build_.shape.vcpus;
    manifest.memory_mb = build_.shape.memory_mb;
    manifest.disk_mb = build_.shape.disk_mb;
    manifest.created_unix_ms = base::unix_ms_now();
    manifest.envd_version = envd_version_;
    manifest.input_hash = build_.input_hash;
    return storage::write_manifest(staged_ / storage::kManifestFile, manifest);
  }

  std::uint64_t image_bytes() const {
    return storage::virtual_size(host_.config.layout.image_rootfs(build_.name),
                                 storage::DiskFormat::kRaw)
        .value_or(0);
  }

  Host& host_;
  const TemplateBuild build_;
  const base::Path staged_;
  CheckpointPtr image_;
  LiveVm vm_;
  bool has_place_ = false;
  bool has_process_ = false;
  std::string envd_version_;
};

}  // namespace

net::Task<Result<void>> build_template(Host& host, TemplateBuild build) {
  const auto started = base::steady_now();
  const std::string title = concat(build.name.text(), ' ', build.shape.name());
  WRENN_CO_TRY_ASSIGN(const auto shape, storage::Name::parse("shape", build.shape.name()));
  const base::Path target = host.config.layout.snapshot_dir(build.name, shape);
  WRENN_CO_TRY_ASSIGN(auto staged,
                      co_await host.pool->run([&target]() -> Result<storage::StagedDir> {
                        // An outdated snapshot goes first; VMs made from it hold its files open.
                        WRENN_TRY(base::remove_tree(target));
                        return storage::StagedDir::create(target, 0755);
                      }));
  Builder builder(host, std::move(build), staged.path());
  auto built = co_await builder.run();
  if (!built) {
    co_return base::fail(
        std::move(built).error().with_context(concat("cannot build the template ", title)));
  }
  WRENN_CO_TRY(co_await host.pool->run([&staged] { return staged.commit(); }));
  base::log_info("template snapshot ready",
                 {{"template", title}, {"ms", base::to_ms(base::steady_now() - started)}});
  co_return {};
}

}  // namespace wrenn::agent
