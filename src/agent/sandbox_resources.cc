// What sandboxes use, read every few seconds.
#include <utility>

#include "agent/readiness.h"
#include "agent/sandbox_manager.h"
#include "base/log.h"
#include "net/loop.h"

namespace wrenn::agent {
namespace {

// A fifth of the sandboxes each second, so that many are no burst.
constexpr auto kPeriod = std::chrono::seconds(1);
constexpr std::size_t kParts = 5;

MeterPlace meter_place(const LiveVm& vm) {
  MeterPlace place{.process = vm.process.identity,
                   .disks = {vm.place.disk.path},
                   .card = std::string(hostnet::kTapName)};
  // The lowest is the template's image.
  for (std::size_t i = 1; i < vm.place.lower_disks.size(); ++i) {
    place.disks.push_back(vm.place.lower_disks[i].path);
  }
  return place;
}

}  // namespace

base::Result<std::vector<ResourcePoint>> SandboxManager::resources(
    const std::string& id, std::chrono::seconds span) const {
  WRENN_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  return sandbox->resources.series().points(span, base::unix_ms_now() / 1000);
}

HostFigures SandboxManager::figures() const {
  HostFigures figures{.sandboxes = {{"running", 0},
                                    {"paused", 0},
                                    {"pausing", 0},
                                    {"resuming", 0},
                                    {"starting", 0},
                                    {"error", 0}},
                      .memory = memory_budget()};
  figures.sandboxes["starting"] = static_cast<std::int64_t>(creating_.size());
  for (const auto& [id, sandbox] : sandboxes_) {
    ++figures.sandboxes[status_of(*sandbox)];
    if (sandbox->vm && sandbox->vm->guest) ++figures.guest_links;
    figures.guest_calls += static_cast<std::int64_t>(sandbox->uses());
  }
  return figures;
}

base::Readiness SandboxManager::readiness() const {
  return readiness_of(host_, memory_budget());
}

net::Task<void> SandboxManager::watch_resources_now() {
  struct Measured {
    SandboxPtr sandbox;
    MeterPlace place;
    std::string snapshot_id;  // Empty for a disk of another kind.
    std::optional<MeterReading> reading;
    std::optional<base::Error> disk_error;
  };
  for (std::size_t turn = 0; co_await net::sleep_for(kPeriod); ++turn) {
    std::vector<Measured> measured;
    for (const auto& [id, sandbox] : sandboxes_) {
      if (!sandbox->is_usable() || std::hash<std::string>()(id) % kParts != turn % kParts) continue;
      const bool is_snapshot = sandbox->vm->place.is_snapshot;
      measured.push_back({.sandbox = sandbox,
                          .place = meter_place(*sandbox->vm),
                          .snapshot_id = is_snapshot ? id : std::string(),
                          .reading = std::nullopt,
                          .disk_error = std::nullopt});
    }
    if (measured.empty()) continue;
    (void)co_await host_.pool->run([this, &measured]() -> base::Result<void> {
      for (auto& one : measured) {
        if (auto reading = read_meter(one.place)) one.reading = *std::move(reading);
        if (one.snapshot_id.empty() || !host_.snapshot_disks) continue;
        auto good = host_.snapshot_disks->check(one.snapshot_id);
        if (!good) one.disk_error = std::move(good).error();
      }
      return {};
    });
    const std::int64_t now = base::unix_ms_now() / 1000;
    for (auto& one : measured) {
      if (one.disk_error && one.disk_error->code == base::Code::kDataLoss &&
          !std::exchange(one.sandbox->is_disk_lost, true)) {
        base::log_error("the disk of a sandbox is lost",
                        {{"sandbox", one.sandbox->manifest.id}, {"error", *one.disk_error}});
      }
      if (one.reading) one.sandbox->resources.add(*one.reading, one.sandbox->manifest.vcpus, now);
    }
  }
}

}  // namespace wrenn::agent
