#include "agent/sandbox_manager.h"

#include <unistd.h>

#include <algorithm>

#include "agent/operation_log.h"
#include "agent/save_vm.h"
#include "agent/start_vm.h"
#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

storage::SandboxManifest first_manifest(const CreateRequest& request, const Host& host,
                                        const Checkpoint& from) {
  storage::SandboxManifest manifest;
  manifest.id = request.id;
  manifest.template_name = request.template_name;
  manifest.vcpus = from.manifest.vcpus;
  manifest.memory_mb = from.manifest.memory_mb;
  manifest.disk_mb = from.manifest.disk_mb;
  manifest.timeout_sec = request.lifecycle.timeout_sec;
  manifest.end_at_unix_ms = request.lifecycle.end_at_unix_ms;
  manifest.is_killed_on_timeout = request.lifecycle.is_killed;
  manifest.network = request.network;
  manifest.created_unix_ms = base::unix_ms_now();
  manifest.kernel_version = from.manifest.kernel_version;
  manifest.hypervisor = host.hypervisor->name();
  manifest.envd_token = base::Secret(base::to_hex(base::random_bytes(32)));
  manifest.metadata = {
      {"kernel_version", from.manifest.kernel_version},
      {"envd_version", from.manifest.envd_version},
      {"agent_version", WRENN_VERSION},
      {"hypervisor", concat(host.hypervisor->name(), ' ', host.hypervisor->version(), " (",
                            vm::accelerator_name(host.hypervisor->accelerator()), ")")}};
  return manifest;
}

}  // namespace

Lifecycle lifecycle_of(const storage::SandboxManifest& manifest) {
  return {manifest.timeout_sec, manifest.end_at_unix_ms, manifest.is_killed_on_timeout};
}

SandboxManager::SandboxManager(net::Loop& loop, Host& host, DataPlane& data_plane)
    : loop_(loop),
      host_(host),
      data_plane_(data_plane),
      templates_(host),
      // Restoring is processor work: more at a time than this makes every one of them slower.
      starting_(
          std::max<std::size_t>(2, static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)))),
      tasks_(loop) {}

Result<void> SandboxManager::check(const CreateRequest& request) const {
  const auto range = [](std::string_view name, int value, int low, int high) -> Result<void> {
    if (value >= low && value <= high) return {};
    return base::fail(Code::kInvalidArgument,
                      concat(name, " must be from ", low, " to ", high, ", not ", value));
  };
  WRENN_TRY(range("vcpus", request.shape.vcpus, 1, 256));
  WRENN_TRY(range("memory_mb", request.shape.memory_mb, kMinMemoryMb, kMaxMemoryMb));
  WRENN_TRY(range("disk_mb", request.shape.disk_mb, kMinDiskMb, kMaxDiskMb));
  WRENN_TRY(range("timeout_sec", request.lifecycle.timeout_sec, 0, kMaxTimeoutSec));
  if (!base::is_id(base::kSandboxPrefix, request.id)) {
    return base::fail(Code::kInvalidArgument, concat("'", request.id, "' is not a sandbox id"));
  }
  const auto cores = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  if (request.shape.vcpus > cores * kMaxVcpusPerCore) {
    return base::fail(Code::kResourceExhausted,
                      concat("this host has ", cores, " CPUs and gives a sandbox at most ",
                             cores * kMaxVcpusPerCore, " vCPUs"),
                      "ask for fewer");
  }
  return {};
}

MemoryBudget SandboxManager::memory_budget() const {
  MemoryBudget budget{.host = host_memory(),
                      .reserve_mb = host_.config.reserve_mb,
                      .promised_mb = starting_mb_,
                      .overcommit = host_.config.memory_overcommit};
  for (const auto& [id, sandbox] : sandboxes_) {
    if (sandbox->vm) budget.promised_mb += static_cast<std::uint64_t>(sandbox->manifest.memory_mb);
  }
  return budget;
}

Result<SandboxManager::MemoryPromise> SandboxManager::promise_memory(int memory_mb) {
  const auto mb = static_cast<std::uint64_t>(memory_mb);
  WRENN_TRY(memory_budget().admit(mb));
  return MemoryPromise(starting_mb_, mb);
}

net::Task<Result<void>> SandboxManager::prepare_default_template() {
  WRENN_CO_TRY_ASSIGN(const auto name, storage::Name::parse("template name", kDefaultTemplate));
  WRENN_CO_TRY(co_await templates_.get(name, Shape()));
  co_return {};
}

net::Task<Result<Outcome>> SandboxManager::create(CreateRequest request) {
  if (request.id.empty()) request.id = base::new_id(base::kSandboxPrefix);
  WRENN_CO_TRY(check(request));
  co_return co_await net::with_stop(
      net::StopToken(), stats_.measure(HostOperation::kCreate, create_now(std::move(request))));
}

net::Task<Result<Outcome>> SandboxManager::create_now(CreateRequest request) {
  const auto begin = base::steady_now();
  WRENN_CO_TRY_ASSIGN(const auto name,
                      storage::Name::parse("template name", request.template_name));
  WRENN_CO_TRY_ASSIGN(const CheckpointPtr from, co_await templates_.get(name, request.shape));
  const double template_ms = ms_since(begin);
  WRENN_CO_TRY_ASSIGN(Outcome created, co_await create_from(std::move(request), from));
  created.timings["template"] = template_ms;
  created.timings["total"] = ms_since(begin);
  co_await log_done("sandbox created", created.sandbox.manifest.id, begin);
  co_return created;
}

net::Task<Result<Outcome>> SandboxManager::create_from(CreateRequest request, CheckpointPtr from) {
  const std::string id = request.id;
  if (sandboxes_.contains(id) || creating_.contains(id)) {
    co_return base::fail(Code::kAlreadyExists, concat("sandbox ", id, " exists already"));
  }
  WRENN_CO_TRY_ASSIGN(const auto promise, promise_memory(from->manifest.memory_mb));
  Outcome created;
  const auto queued = base::steady_now();
  creating_[id] = true;
  auto permit = co_await starting_.acquire();
  created.timings["queue"] = ms_since(queued);
  auto manifest = first_manifest(request, host_, *from);
  auto base = co_await host_.pool->run([&] { return make_sandbox(host_, id, *from); });
  const bool is_made = base.has_value();
  auto vm = base ? co_await start_vm(host_, manifest, *base, created.timings)
                 : base::fail(std::move(base).error());
  const bool is_wanted = creating_[id];
  creating_.erase(id);
  if (!vm) {
    if (is_made) {
      auto removed = co_await host_.pool->run([&] { return remove_sandbox_directory(host_, id); });
      if (!removed) base::log_warn("a directory stays behind", {{"error", removed.error()}});
    }
    co_return base::fail(std::move(vm).error());
  }
  const auto sandbox =
      std::make_shared<Sandbox>(std::move(manifest), *std::move(base), *std::move(vm));
  keep(sandbox);
  created.sandbox = view(*sandbox);
  if (!is_wanted) {  // destroy() came meanwhile.
    WRENN_CO_TRY(co_await destroy(id));
    co_return base::fail(Code::kAborted, concat("sandbox ", id, " was destroyed meanwhile"));
  }
  co_return created;
}

void SandboxManager::keep(SandboxPtr sandbox) {
  sandboxes_[sandbox->manifest.id] = sandbox;
  if (sandbox->vm) start_watching(std::move(sandbox));
}

void SandboxManager::start_watching(SandboxPtr sandbox) {
  if (auto added = data_plane_.add(*sandbox); !added) {
    base::log_error("the ports of a sandbox cannot be reached",
                    {{"sandbox", sandbox->manifest.id}, {"error", added.error()}});
  }
  const base::ProcessIdentity process = sandbox->vm->process.identity;
  tasks_.spawn(watch(std::move(sandbox), process));
}

// A VM that ends by itself is noticed at once.
net::Task<void> SandboxManager::watch(SandboxPtr sandbox, base::ProcessIdentity process) {
  // Not the VM's own descriptor, which goes with it.
  auto pidfd = base::open_pidfd(process);
  if (pidfd && !co_await net::wait_readable(pidfd->get())) co_return;  // The agent itself ends.
  if (!sandbox->vm || sandbox->vm->process.identity != process) co_return;
  co_await keep_dead(sandbox, process);
}

net::Task<void> SandboxManager::keep_dead(SandboxPtr sandbox, base::ProcessIdentity process) {
  constexpr std::int64_t kRetryMs = 10'000;
  auto held = co_await lock(sandbox);
  if (!held || !sandbox->vm || sandbox->vm->process.identity != process) co_return;
  if (sandbox->doing != Doing::kStuck) stats_.vm_deaths.add();
  base::log_warn("a VM ended by itself", {{"sandbox", sandbox->manifest.id}});
  if (auto kept = co_await net::with_stop(net::StopToken(), end_dead(sandbox, "vm_ended")); !kept) {
    sandbox->ends_not_before_unix_ms = base::unix_ms_now() + kRetryMs;
    base::log_error("what a sandbox whose VM ended had written could not be kept yet",
                    {{"sandbox", sandbox->manifest.id}, {"error", kept.error()}});
  }
}

net::Task<Result<void>> SandboxManager::destroy(std::string id) {
  return net::with_stop(net::StopToken(),
                        stats_.measure(HostOperation::kDestroy, destroy_now(std::move(id))));
}

net::Task<Result<void>> SandboxManager::destroy_now(std::string id) {
  const auto begin = base::steady_now();
  if (const auto creating = creating_.find(id); creating != creating_.end()) {
    creating->second = false;  // create() does it, as soon as there is something to destroy.
  }
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end()) co_return {};
  const SandboxPtr sandbox = found->second;
  // Who comes second waits: its answer, too, means that nothing is left.
  auto held = co_await lock(sandbox);
  if (!held) co_return {};
  sandbox->doing = Doing::kEnding;
  co_await data_plane_.remove(id);
  co_await sandbox->end_uses();
  // Until this succeeds it stays known, so that it can be tried again.
  if (sandbox->vm) {
    sandbox->vm->guest.reset();
    WRENN_CO_TRY(
        co_await host_.pool->run([this, &sandbox] { return end_vm(host_, *sandbox->vm); }));
    sandbox->vm.reset();
  }
  WRENN_CO_TRY(
      co_await host_.pool->run([this, &id] { return remove_sandbox_directory(host_, id); }));
  sandbox->is_gone = true;
  sandboxes_.erase(id);
  co_await log_done("sandbox destroyed", id, begin);
  co_return {};
}

Result<SandboxManager::SandboxPtr> SandboxManager::find(const std::string& id) const {
  const auto found = sandboxes_.find(id);
  if (found != sandboxes_.end()) return found->second;
  return base::fail(Code::kNotFound, concat("sandbox ", id, " is not on this host"));
}

net::Task<Result<net::Mutex::Lock>> SandboxManager::lock(SandboxPtr sandbox) {
  WRENN_CO_TRY_ASSIGN(auto held, co_await sandbox->changing.lock());
  if (sandbox->is_gone) {
    co_return base::fail(Code::kNotFound,
                         concat("sandbox ", sandbox->manifest.id, " was destroyed"));
  }
  co_return std::move(held);
}

Result<SandboxUse> SandboxManager::use(const std::string& id) {
  WRENN_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  if (sandbox->is_usable()) return SandboxUse(sandbox);
  if (sandbox->doing == Doing::kEnding) {
    return base::fail(Code::kNotFound, concat("sandbox ", id, " is just ending"));
  }
  return base::fail(Code::kFailedPrecondition, concat("sandbox ", id, " is paused"),
                    "resume it first");
}

std::string_view SandboxManager::status_of(const Sandbox& sandbox) {
  switch (sandbox.doing) {
    case Doing::kPausing:
    case Doing::kStuck:
      return "pausing";
    case Doing::kResuming:
      return "resuming";
    case Doing::kEnding:
      return "error";
    case Doing::kNothing:
      break;
  }
  return sandbox.vm ? "running" : "paused";
}

SandboxView SandboxManager::view(const Sandbox& sandbox) const {
  SandboxView view;
  view.manifest = sandbox.manifest;
  view.last_active_unix_ms = sandbox.last_used_unix_ms();
  if (sandbox.vm) {
    view.host_ip = sandbox.vm->place.slot.address.to_string();
  } else {
    view.pause_mode = sandbox.base->manifest.has_memory ? "memory" : "disk";
  }
  view.status = status_of(sandbox);
  return view;
}

std::vector<SandboxView> SandboxManager::list() const {
  std::vector<SandboxView> views;
  for (const auto& [id, sandbox] : sandboxes_) {
    // What is being destroyed is told only when that failed.
    const bool is_going = sandbox->doing == Doing::kEnding && sandbox->changing.is_locked();
    if (!is_going) views.push_back(view(*sandbox));
  }
  return views;
}

void SandboxManager::abandon_uses() {
  stop_transfers_.request_stop();
  for (auto& [id, sandbox] : sandboxes_) sandbox->abandon_uses();
}

net::Task<void> SandboxManager::shut_down() {
  tasks_.request_stop();
  co_await tasks_.join();
  // Dropping a place destroys its cgroup; one that lives on is let go of.
  for (auto& [id, sandbox] : sandboxes_) {
    if (sandbox->vm) sandbox->vm->place.cgroup.release();
  }
}

}  // namespace wrenn::agent
