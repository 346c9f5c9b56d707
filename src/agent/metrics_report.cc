#include "agent/metrics_report.h"

#include <filesystem>

#include "base/exposition.h"
#include "base/process_metrics.h"

namespace wrenn::agent {
namespace {

using base::Exposition;
using base::MetricKind;

void write_build(Exposition& out, const Host& host) {
  const vm::Hypervisor& hypervisor = *host.hypervisor;
  out.begin(MetricKind::kGauge, "wrenn_agent_build_info", "Always 1; the versions are labels.");
  out.sample({{"version", WRENN_VERSION},
              {"hypervisor", hypervisor.name()},
              {"hypervisor_version", hypervisor.version()},
              {"accelerator", vm::accelerator_name(hypervisor.accelerator())},
              {"storage", storage::backend_name(host.disk_backend)}},
             1);
}

void write_memory(Exposition& out, const MemoryBudget& memory) {
  constexpr std::uint64_t kMiB = 1u << 20;
  out.single(MetricKind::kGauge, "wrenn_agent_memory_size_bytes", "Memory of the machine.",
             memory.host.total * kMiB);
  out.single(MetricKind::kGauge, "wrenn_agent_memory_available_bytes",
             "What of it can be had without swapping.", memory.host.available * kMiB);
  out.single(MetricKind::kGauge, "wrenn_agent_memory_reserved_bytes",
             "What sandboxes must leave to the machine.", memory.reserve_mb * kMiB);
  out.single(MetricKind::kGauge, "wrenn_agent_memory_promised_bytes",
             "What sandboxes that run or start may use, all together.", memory.promised_mb * kMiB);
}

void write_sandboxes(Exposition& out, const HostFigures& figures) {
  out.begin(MetricKind::kGauge, "wrenn_agent_sandboxes", "Sandboxes on this host, by status.");
  for (const auto& [status, count] : figures.sandboxes) out.sample({{"status", status}}, count);
  out.single(MetricKind::kGauge, "wrenn_agent_guest_links",
             "Guest agents that the host holds a line to: one for each VM that runs.",
             figures.guest_links);
  out.single(MetricKind::kGauge, "wrenn_agent_guest_calls",
             "Calls and streams to guest agents that are under way.", figures.guest_calls);
  write_memory(out, figures.memory);
}

void write_slots(Exposition& out, const hostnet::SlotPool& slots) {
  out.begin(MetricKind::kGauge, "wrenn_agent_network_slots",
            "Network slots: ready for a sandbox, or in use by one.");
  out.sample({{"state", "ready"}}, slots.ready());
  out.sample({{"state", "in_use"}}, slots.in_use());
}

void write_disk(Exposition& out, const base::Path& directory) {
  std::error_code error;
  const auto space = std::filesystem::space(directory, error);
  if (error) return;
  out.single(MetricKind::kGauge, "wrenn_agent_disk_size_bytes",
             "Of the file system that sandboxes lie on.", space.capacity);
  out.single(MetricKind::kGauge, "wrenn_agent_disk_free_bytes", "What of it is free.",
             space.available);
}

}  // namespace

net::Task<std::string> MetricsReport::metrics() {
  Exposition out;
  write_build(out, host_);
  write_sandboxes(out, manager_.figures());
  const ManagerStats& stats = manager_.stats();
  base::write_operations(out, "wrenn_agent_sandbox", kHostOperationNames, stats.operations);
  out.single(MetricKind::kCounter, "wrenn_agent_vm_deaths_total",
             "VMs that ended by themselves: QEMU failed, or was killed.", stats.vm_deaths.value());
  write_slots(out, *host_.slots);
  write_disk(out, host_.config.layout.sandboxes_dir());
  data_plane_.stats().write_to(out, "wrenn_agent");
  base::write_process_metrics(out);
  co_return out.take();
}

}  // namespace wrenn::agent
