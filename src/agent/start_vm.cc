#include "agent/start_vm.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "agent/network_policy.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/scope.h"

namespace wrenn::agent {
namespace {

using base::concat;
using base::Result;

constexpr auto kBootTimeout = std::chrono::seconds(120);
// How long a guest that does not answer may take to shut down.
constexpr auto kEndTimeout = std::chrono::seconds(5);
constexpr const char* kVmDirectory = "vm";

// A short name for the guest's host name: the id without its prefix would not fit everywhere.
std::string guest_hostname(const std::string& id) {
  return id.substr(0, 15);
}

base::Secret copy(const base::Secret& secret) {
  return base::Secret(std::string(secret.reveal()));
}

// The steps of a start that are undone when a later one fails.
struct Starting {
  Host& host;
  storage::SandboxManifest& manifest;
  const CheckpointPtr checkpoint;
  const base::Path directory;
  std::optional<VmPlace> place;
  base::Fd devices;
  std::optional<vm::VmProcess> process;
  std::unique_ptr<GuestClient> guest;

  // Blocking. Before the guest runs; slots are made without a policy.
  Result<void> restrict_network() const {
    if (manifest.network == storage::NetworkPolicy()) return {};
    WRENN_TRY_ASSIGN(const auto policy, egress_policy_of(manifest.network));
    return hostnet::apply_policy(place->slot, policy);
  }

  // Blocking.
  Result<void> prepare() {
    WRENN_TRY(check_machine(host, *checkpoint));
    WRENN_TRY(base::remove_tree(directory / kVmDirectory));
    WRENN_TRY_ASSIGN(auto slot, host.slots->acquire());
    WRENN_TRY_ASSIGN(auto made,
                     make_place(host, manifest.id, checkpoint->shape(), directory / kVmDirectory,
                                checkpoint->disks(), std::move(slot)));
    place.emplace(std::move(made));
    WRENN_TRY(restrict_network());
    if (!checkpoint->manifest.has_memory) return {};
    WRENN_TRY_ASSIGN(devices, base::open_file(checkpoint->directory / kDevicesFile, O_RDONLY));
    return {};
  }

  net::Task<Result<void>> start_process() {
    const vm::VmSpec spec = place->spec();
    if (checkpoint->manifest.has_memory) {
      WRENN_CO_TRY_ASSIGN(
          process, co_await host.hypervisor->restore(spec, checkpoint->memory(), devices.get()));
      co_return {};
    }
    WRENN_CO_TRY_ASSIGN(
        process, co_await host.hypervisor->boot(spec, {host.kernel.image, host.kernel.initramfs}));
    co_return {};
  }

  net::Task<Result<void>> set_up_guest() {
    guest = std::make_unique<GuestClient>(place->slot.netns.get(), copy(manifest.envd_token));
    GuestInit init{.hostname = guest_hostname(manifest.id),
                   .sandbox_id = manifest.id,
                   .template_id = manifest.template_name,
                   .default_user = {},  // This and the next two: what has memory knows them.
                   .envs = {}};
    if (checkpoint->manifest.has_memory) {
      init.is_restored = true;
      init.known_token = copy(checkpoint->manifest.envd_token);
    } else {
      auto booted = co_await net::with_timeout(kBootTimeout, guest->wait_until_healthy());
      if (!booted) {
        co_return base::fail(std::move(booted).error().with_context("the guest does not start"));
      }
      const storage::GuestDefaults& defaults = checkpoint->manifest.defaults;
      init.default_user = defaults.user.empty() ? std::string(kDefaultUser) : defaults.user;
      init.default_workdir = defaults.workdir;
      init.envs = defaults.env;
    }
    co_return co_await net::with_timeout(kGuestTimeout, guest->init(std::move(init)));
  }

  // Blocking.
  Result<void> record() {
    storage::SandboxManifest running = manifest;
    running.state = storage::StoredState::kRunning;
    running.slot = static_cast<int>(place->slot.index);
    running.uid = place->uid;
    running.process = process->identity;
    running.boot_id = host_boot_id();
    running.reason.clear();
    WRENN_TRY(storage::write_manifest(directory / storage::kManifestFile, running));
    manifest = std::move(running);
    return {};
  }

  // Blocking.
  Result<void> undo() {
    if (process) WRENN_TRY(vm::kill_vm(*process));
    if (place) clear_place(host, std::move(*place));
    return base::remove_tree(directory / kVmDirectory);
  }

  // Whether a restored guest has shut down by itself, or does so now.
  net::Task<bool> ends_by_itself() const {
    if (!process || !checkpoint->manifest.has_memory) co_return false;
    const auto pidfd = base::open_pidfd(process->identity);
    if (!pidfd) co_return true;
    co_return (co_await net::with_timeout(kEndTimeout, net::wait_readable(pidfd->get())))
        .has_value();
  }

  net::Task<Result<void>> run(Stopwatch& watch) {
    WRENN_CO_TRY(co_await host.pool->run([this] { return prepare(); }));
    watch.lap("prepare");
    WRENN_CO_TRY(co_await start_process());
    watch.lap("start");
    auto set_up = co_await with_vm_going(host, place->spec(), set_up_guest());
    if (!set_up) {
      co_return base::fail(co_await with_console(
          host, place->spec(),
          std::move(set_up).error().with_context("the sandbox does not answer")));
    }
    watch.lap("guest");
    WRENN_CO_TRY(co_await host.pool->run([this] { return record(); }));
    // Only the hypervisor needs the network card from now on.
    place->tap.reset();
    watch.lap("record");
    co_return {};
  }
};

}  // namespace

base::Path sandbox_directory(const Host& host, const std::string& id) {
  return host.config.layout.sandboxes_dir() / id;
}

base::Path checkpoint_directory(const Host& host, const std::string& id, int number) {
  return sandbox_directory(host, id) / "checkpoints" / concat(number);
}

std::string host_boot_id() {
  const auto text = base::read_file("/proc/sys/kernel/random/boot_id");
  return text ? std::string(base::trim(*text)) : std::string();
}

Result<CheckpointPtr> make_sandbox(const Host& host, const std::string& id,
                                   const Checkpoint& from) {
  const base::Path directory = sandbox_directory(host, id);
  // A user of the machine may reach the VM's own files by name, and list nobody's.
  if (::mkdir(directory.c_str(), 0711) != 0) {
    return base::fail_errno(errno, concat("cannot create ", directory.native()));
  }
  const base::Path checkpoint = checkpoint_directory(host, id, 0);
  auto made = base::make_dirs(checkpoint, 0700);
  if (made) made = link_checkpoint(from, checkpoint);
  if (made) return std::make_shared<const Checkpoint>(Checkpoint{checkpoint, from.manifest});
  if (auto removed = base::remove_tree(directory); !removed) {
    base::log_warn("a directory stays behind", {{"error", removed.error()}});
  }
  return base::fail(std::move(made).error());
}

Result<void> remove_sandbox_directory(const Host& host, const std::string& id) {
  const base::Path directory = sandbox_directory(host, id);
  const base::Path doomed =
      concat(directory.native(), ".tmp-", base::to_hex(base::random_bytes(6)));
  if (::rename(directory.c_str(), doomed.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return base::fail_errno(errno, concat("cannot remove ", directory.native()));
  }
  return base::remove_tree(doomed);
}

net::Task<Result<std::unique_ptr<LiveVm>>> start_vm(Host& host, storage::SandboxManifest& manifest,
                                                    CheckpointPtr checkpoint, Timings& timings,
                                                    std::unique_ptr<LiveVm>* ended) {
  Stopwatch watch(timings);
  Starting starting{.host = host,
                    .manifest = manifest,
                    .checkpoint = std::move(checkpoint),
                    .directory = sandbox_directory(host, manifest.id),
                    .place = std::nullopt,
                    .devices = {},
                    .process = std::nullopt,
                    .guest = nullptr};
  auto up = co_await starting.run(watch);
  if (up) {
    co_return std::make_unique<LiveVm>(LiveVm{
        std::move(*starting.place), std::move(*starting.process), std::move(starting.guest)});
  }
  starting.guest.reset();
  if (ended != nullptr && co_await starting.ends_by_itself()) {
    *ended = std::make_unique<LiveVm>(
        LiveVm{std::move(*starting.place), std::move(*starting.process), nullptr});
    co_return base::fail(std::move(up).error());
  }
  if (auto undone = co_await host.pool->run([&starting] { return starting.undo(); }); !undone) {
    base::log_warn("a failed start could not be undone wholly",
                   {{"sandbox", starting.manifest.id}, {"error", undone.error()}});
  }
  co_return base::fail(std::move(up).error());
}

Result<void> end_vm(Host& host, LiveVm& vm) {
  if (vm.process.identity.pid != 0) WRENN_TRY(vm::kill_vm(vm.process));
  clear_place(host, std::move(vm.place));
  vm.place = {};
  return {};
}

}  // namespace wrenn::agent
