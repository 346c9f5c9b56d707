// What a sandbox may reach, and what it was refused.
#include "agent/network_policy.h"
#include "agent/sandbox_manager.h"
#include "agent/start_vm.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Blocking. Both or none: what is in force is what the next start of the VM would find.
Result<void> put_in_force(const Host& host, const storage::SandboxManifest& before,
                          const storage::SandboxManifest& after, const hostnet::Slot* slot) {
  WRENN_TRY_ASSIGN(const auto old, egress_policy_of(before.network));
  WRENN_TRY_ASSIGN(const auto policy, egress_policy_of(after.network));
  if (slot != nullptr) WRENN_TRY(hostnet::apply_policy(*slot, policy));
  auto written =
      storage::write_manifest(sandbox_directory(host, after.id) / storage::kManifestFile, after);
  if (written || slot == nullptr) return written;
  if (auto restored = hostnet::apply_policy(*slot, old); !restored) {
    base::log_error("a sandbox has a network policy that was not kept",
                    {{"sandbox", after.id}, {"error", restored.error()}});
  }
  return written;
}

}  // namespace

net::Task<Result<void>> SandboxManager::set_network(std::string id, storage::NetworkPolicy policy) {
  return net::with_stop(net::StopToken(), set_network_now(std::move(id), std::move(policy)));
}

net::Task<Result<void>> SandboxManager::set_network_now(std::string id,
                                                        storage::NetworkPolicy policy) {
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  storage::SandboxManifest manifest = sandbox->manifest;
  manifest.network = std::move(policy);
  const hostnet::Slot* slot = sandbox->vm ? &sandbox->vm->place.slot : nullptr;
  WRENN_CO_TRY(co_await host_.pool->run([this, &sandbox, &manifest, slot] {
    return put_in_force(host_, sandbox->manifest, manifest, slot);
  }));
  sandbox->manifest = std::move(manifest);
  base::log_info("network policy set", {{"sandbox", id},
                                        {"deny_internet", sandbox->manifest.network.deny_internet},
                                        {"allow_out", sandbox->manifest.network.allow_out.size()},
                                        {"deny_out", sandbox->manifest.network.deny_out.size()}});
  co_return {};
}

net::Task<Result<std::vector<hostnet::Denial>>> SandboxManager::denials(std::string id) {
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  // Whoever ends the VM, and gives its slot back, waits.
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  if (!sandbox->vm) {
    co_return base::fail(Code::kFailedPrecondition,
                         concat("sandbox ", id,
                                " is paused, and nothing is known of what it was "
                                "refused before"),
                         "resume it first");
  }
  co_return co_await host_.pool->run(
      [&sandbox] { return hostnet::list_denials(sandbox->vm->place.slot); });
}

}  // namespace wrenn::agent
