#include "agent/host.h"

#include <unistd.h>

#include "base/log.h"
#include "base/strings.h"
#include "hostnet/host_network.h"
#include "vm/qemu/qemu.h"

namespace wrenn::agent {
namespace {

using base::Result;

// The user that probes run as: slot 0 is never a sandbox's.
constexpr hostnet::SlotIndex kProbeSlot = 0;
constexpr std::size_t kPoolThreads = 8;
constexpr std::size_t kTransferThreads = 4;

}  // namespace

Result<HostTools> find_host_tools(const AgentConfig& config) {
  HostTools tools;
  WRENN_TRY_ASSIGN(tools.kernel, config.layout.newest_kernel());
  WRENN_TRY_ASSIGN(tools.qemu, vm::find_qemu());
  vm::ProbeRequest probe{.qemu = tools.qemu,
                         .boot = {tools.kernel.image, tools.kernel.initramfs},
                         .kernel_version = tools.kernel.version,
                         .directory = config.layout.run_dir(),
                         .uid = config.sandbox_uid(kProbeSlot)};
  WRENN_TRY_ASSIGN(tools.accelerator, vm::choose_accelerator(probe));
  return tools;
}

Result<std::unique_ptr<Host>> open_host(const AgentConfig& config,
                                        std::vector<hostnet::SlotIndex> keep) {
  WRENN_TRY_ASSIGN(const HostTools tools, find_host_tools(config));
  base::log_info("hypervisor ready",
                 {{"qemu", tools.qemu.version},
                  {"guest_kernel", tools.kernel.version},
                  {"accelerator", vm::accelerator_name(tools.accelerator.accelerator)}});
  WRENN_TRY_ASSIGN(const auto cow, storage::probe_cow(config.layout.root()));
  base::log_info("disks ready", {{"backend", storage::backend_name(cow.backend)}});
  std::set<hostnet::SlotIndex> living(keep.begin(), keep.end());
  WRENN_TRY_ASSIGN(
      const auto settings,
      hostnet::start_host_network({.tag = config.tag,
                                   .range = std::nullopt,
                                   .state_file = config.layout.run_dir() / "network.state",
                                   .keep = std::move(keep)}));
  auto host = std::make_unique<Host>(
      Host{.config = config,
           .kernel = tools.kernel,
           .cgroups = base::CgroupSupport::detect(),
           .disk_backend = cow.backend,
           .pool = std::make_unique<net::BlockingPool>(kPoolThreads),
           .transfers = std::make_unique<net::BlockingPool>(kTransferThreads),
           .hypervisor = nullptr,
           .slots = nullptr});
  WRENN_TRY_ASSIGN(host->hypervisor, vm::Qemu::create(tools.qemu, tools.accelerator.accelerator,
                                                      config.layout.run_dir(), *host->pool));
  host->slots =
      std::make_unique<hostnet::SlotPool>(settings, config.slots_ahead, std::move(living));
  return host;
}

}  // namespace wrenn::agent
