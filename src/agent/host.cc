#include "agent/host.h"

#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "base/strings.h"
#include "hostnet/host_network.h"
#include "vm/firecracker/firecracker.h"
#include "vm/qemu/qemu.h"

namespace wrenn::agent {
namespace {

using base::Result;

// The user that probes run as: slot 0 is never a sandbox's.
constexpr hostnet::SlotIndex kProbeSlot = 0;
constexpr std::size_t kPoolThreads = 8;
constexpr std::size_t kTransferThreads = 4;

// What serves page faults stands beside this very program.
base::Path page_handler() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
         "wrenn-page-handler";
}

Result<std::unique_ptr<vm::Hypervisor>> make_hypervisor(const AgentConfig& config,
                                                        const HostTools& tools,
                                                        net::BlockingPool& pool) {
  const base::Path devices = config.layout.run_dir();
  if (tools.hypervisor.kind == HypervisorKind::kQemu) {
    return vm::Qemu::create(tools.qemu, tools.accelerator.accelerator, devices, pool);
  }
  WRENN_TRY(vm::make_firecracker_devices(devices));
  return std::make_unique<vm::Firecracker>(
      tools.firecracker.value(),
      vm::FirecrackerOptions{.device_dir = devices,
                             .page_handler = page_handler(),
                             .huge_pages = config.hypervisor.huge_pages
                                               ? vm::firecracker::HugePages::k2M
                                               : vm::firecracker::HugePages::kNone},
      pool);
}

Result<StorageFacts> find_storage(const AgentConfig& config) {
  StorageFacts facts;
  WRENN_TRY_ASSIGN(facts.files, storage::probe_cow(config.layout.root()));
  const auto works =
      storage::dm::probe_snapshots(config.layout.sandboxes_dir(), config.tag.device_prefix());
  if (works) return facts;
  facts.why_no_snapshots = works.error().message;
  facts.remedy = works.error().remedy;
  return facts;
}

// Empty, or why Firecracker would get no disks that it can do everything with.
std::string why_no_raw_disks(const StorageWish& wish, const StorageFacts& facts) {
  const auto choice = choose_storage(wish, facts, DiskNeed::kRaw);
  if (!choice) return choice.error().message;
  if (facts.files.backend == storage::CowBackend::kReflink || vm::may_bring_pages()) return {};
  return "files do not share blocks here, and so memory that was saved has to come page by page, "
         "for which there is no /dev/userfaultfd";
}

}  // namespace

Result<HostTools> find_host_tools(const AgentConfig& config, std::set<std::string> running) {
  HostTools tools;
  WRENN_TRY_ASSIGN(tools.kernel, config.layout.newest_kernel());
  WRENN_TRY_ASSIGN(tools.qemu, vm::find_qemu());
  vm::ProbeRequest probe{.qemu = tools.qemu,
                         .boot = {tools.kernel.image, tools.kernel.initramfs},
                         .kernel_version = tools.kernel.version,
                         .directory = config.layout.run_dir(),
                         .uid = config.sandbox_uid(kProbeSlot)};
  WRENN_TRY_ASSIGN(tools.accelerator, vm::choose_accelerator(probe));
  WRENN_TRY_ASSIGN(tools.storage_facts, find_storage(config));
  HypervisorFacts facts{.has_kvm = tools.accelerator.accelerator == vm::Accelerator::kKvm,
                        .why_no_raw_disks = why_no_raw_disks(config.storage, tools.storage_facts),
                        .firecracker = {},
                        .why_no_firecracker = {},
                        .running = std::move(running)};
  if (auto found = vm::firecracker::find_binary(config.hypervisor.firecracker)) {
    facts.firecracker = found->version;
    tools.firecracker = *std::move(found);
  } else {
    facts.why_no_firecracker = found.error().message;
  }
  WRENN_TRY_ASSIGN(tools.hypervisor, choose_hypervisor(config.hypervisor, facts));
  const bool is_raw = tools.hypervisor.kind == HypervisorKind::kFirecracker;
  WRENN_TRY_ASSIGN(tools.storage, choose_storage(config.storage, tools.storage_facts,
                                                 is_raw ? DiskNeed::kRaw : DiskNeed::kAny));
  return tools;
}

Result<std::unique_ptr<Host>> open_host(const AgentConfig& config, RunningVms running) {
  WRENN_TRY_ASSIGN(const HostTools tools, find_host_tools(config, std::move(running.hypervisors)));
  std::set<hostnet::SlotIndex> living(running.slots.begin(), running.slots.end());
  WRENN_TRY_ASSIGN(
      const auto settings,
      hostnet::start_host_network({.tag = config.tag,
                                   .range = std::nullopt,
                                   .state_file = config.layout.run_dir() / "network.state",
                                   .keep = std::move(running.slots)}));
  auto host = std::make_unique<Host>(
      Host{.config = config,
           .kernel = tools.kernel,
           .cgroups = base::CgroupSupport::detect(),
           .disk_backend = tools.storage.backend,
           .snapshot_disks = std::nullopt,
           .pool = std::make_unique<net::BlockingPool>(kPoolThreads),
           .transfers = std::make_unique<net::BlockingPool>(kTransferThreads),
           .hypervisor = nullptr,
           .slots = nullptr});
  WRENN_TRY_ASSIGN(host->hypervisor, make_hypervisor(config, tools, *host->pool));
  base::log_info("hypervisor ready",
                 {{"name", host->hypervisor->name()},
                  {"version", host->hypervisor->version()},
                  {"why", tools.hypervisor.explanation},
                  {"guest_kernel", tools.kernel.version},
                  {"accelerator", vm::accelerator_name(host->hypervisor->accelerator())}});
  if (tools.storage_facts.why_no_snapshots.empty()) {
    WRENN_TRY_ASSIGN(host->snapshot_disks,
                     storage::dm::SnapshotDisks::open(config.tag.device_prefix()));
  }
  base::log_info("disks ready", {{"backend", storage::backend_name(tools.storage.backend)},
                                 {"why", tools.storage.explanation}});
  host->slots =
      std::make_unique<hostnet::SlotPool>(settings, config.slots_ahead, std::move(living));
  return host;
}

}  // namespace wrenn::agent
