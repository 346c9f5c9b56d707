#include "agent/sandbox_manager.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr auto kGuestTimeout = std::chrono::seconds(30);
constexpr std::uint64_t kMemoryReserveMb = 256;  // Never given to sandboxes.

// Milliseconds since the last call, by step.
class Stopwatch {
 public:
  explicit Stopwatch(std::map<std::string, double>& timings) : timings_(timings) {}
  void lap(const char* step) {
    const auto now = base::steady_now();
    timings_[step] = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
  }

 private:
  std::map<std::string, double>& timings_;
  base::SteadyTime last_ = base::steady_now();
};

storage::SandboxManifest first_manifest(const CreateRequest& request, const Host& host,
                                        const TemplateSnapshot& snapshot,
                                        const hostnet::Slot& slot) {
  storage::SandboxManifest manifest;
  manifest.id = request.id;
  manifest.template_name = request.template_name;
  manifest.state = storage::StoredState::kCreating;
  manifest.vcpus = request.shape.vcpus;
  manifest.memory_mb = request.shape.memory_mb;
  manifest.disk_mb = request.shape.disk_mb;
  manifest.timeout_sec = request.timeout_sec;
  manifest.slot = static_cast<int>(slot.index);
  manifest.uid = host.config.sandbox_uid(slot.index);
  manifest.created_unix_ms = base::unix_ms_now();
  manifest.kernel_version = snapshot.kernel_version;
  manifest.hypervisor = host.hypervisor->name();
  manifest.envd_token = base::Secret(base::to_hex(base::random_bytes(32)));
  manifest.metadata = {
      {"kernel_version", snapshot.kernel_version},
      {"envd_version", snapshot.envd_version},
      {"agent_version", WRENN_VERSION},
      {"hypervisor", concat(host.hypervisor->name(), ' ', host.hypervisor->version(), " (",
                            vm::accelerator_name(host.hypervisor->accelerator()), ")")}};
  return manifest;
}

// A short name for the guest's host name: the id without its prefix would not fit everywhere.
std::string guest_hostname(const std::string& id) {
  return id.substr(0, 15);
}

}  // namespace

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
  WRENN_TRY(range("timeout_sec", request.timeout_sec, 0, kMaxTimeoutSec));
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
  const std::uint64_t available = available_memory_mb();
  if (static_cast<std::uint64_t>(request.shape.memory_mb) + kMemoryReserveMb > available) {
    return base::fail(Code::kResourceExhausted,
                      concat("this host has ", available, " MB of memory left, too little for ",
                             request.shape.memory_mb, " MB"),
                      "ask for less, or destroy sandboxes that are no longer needed");
  }
  return {};
}

net::Task<Result<void>> SandboxManager::prepare_default_template() {
  WRENN_CO_TRY_ASSIGN(const auto name, storage::Name::parse("template name", kDefaultTemplate));
  WRENN_CO_TRY(co_await templates_.get(name, Shape()));
  co_return {};
}

net::Task<Result<CreatedSandbox>> SandboxManager::create(CreateRequest request) {
  if (request.id.empty()) request.id = base::new_id(base::kSandboxPrefix);
  if (sandboxes_.contains(request.id) || creating_.contains(request.id)) {
    co_return base::fail(Code::kAlreadyExists, concat("sandbox ", request.id, " exists already"));
  }
  WRENN_CO_TRY(check(request));
  const std::string id = request.id;
  creating_[id] = true;
  auto created = co_await net::with_stop(net::StopToken(), create_now(std::move(request)));
  const bool is_wanted = creating_[id];
  creating_.erase(id);
  if (created && !is_wanted) {  // destroy() came meanwhile.
    WRENN_CO_TRY(co_await destroy(id));
    co_return base::fail(Code::kAborted, concat("sandbox ", id, " was destroyed meanwhile"));
  }
  co_return created;
}

net::Task<Result<CreatedSandbox>> SandboxManager::create_now(CreateRequest request) {
  const auto begin = base::steady_now();
  CreatedSandbox created;
  Stopwatch watch(created.timings_ms);
  WRENN_CO_TRY_ASSIGN(const auto name,
                      storage::Name::parse("template name", request.template_name));
  WRENN_CO_TRY_ASSIGN(const TemplateSnapshot* snapshot,
                      co_await templates_.get(name, request.shape));
  watch.lap("template");
  WRENN_CO_TRY_ASSIGN(const auto permit, co_await starting_.acquire());
  watch.lap("queue");
  WRENN_CO_TRY_ASSIGN(auto sandbox, co_await start(request, *snapshot, created.timings_ms));
  created.id = request.id;
  created.host_ip = sandbox->place.slot.address.to_string();
  created.metadata = sandbox->manifest.metadata;
  keep(std::move(sandbox));
  created.timings_ms["total"] =
      std::chrono::duration<double, std::milli>(base::steady_now() - begin).count();
  base::log_info("sandbox created",
                 {{"sandbox", created.id}, {"ms", base::to_ms(base::steady_now() - begin)}});
  co_return created;
}

namespace {

// The steps of a start that are undone when a later one fails.
struct Starting {
  Host& host;
  storage::SandboxManifest manifest;
  base::Path directory;
  std::optional<VmPlace> place;
  base::Fd state;
  std::optional<vm::VmProcess> process;

  // Blocking.
  Result<void> prepare(const CreateRequest& request, const TemplateSnapshot& snapshot) {
    WRENN_TRY_ASSIGN(auto slot, host.slots->acquire());
    manifest = first_manifest(request, host, snapshot, slot);
    const auto written = write_first_manifest();
    if (!written) {
      host.slots->release(std::move(slot));
      (void)base::remove_tree(directory);
      return base::fail(written.error());
    }
    WRENN_TRY_ASSIGN(auto made, make_place(host, request.id, request.shape, directory / "vm",
                                           snapshot.disk, std::move(slot)));
    place.emplace(std::move(made));
    WRENN_TRY_ASSIGN(state, base::open_file(snapshot.state_file, O_RDONLY));
    return {};
  }

  Result<void> write_first_manifest() {
    WRENN_TRY(base::make_dirs(directory, 0711));
    return storage::write_manifest(directory / storage::kManifestFile, manifest);
  }

  Result<void> record_running() {
    manifest.state = storage::StoredState::kRunning;
    manifest.process = process->identity;
    return storage::write_manifest(directory / storage::kManifestFile, manifest);
  }

  // Blocking.
  Result<void> undo() {
    if (process) WRENN_TRY(vm::kill_vm(*process));
    if (place) clear_place(host, std::move(*place));
    return base::remove_tree(directory);
  }
};

net::Task<Result<void>> bring_up(Starting& starting, const TemplateSnapshot& snapshot,
                                 const CreateRequest& request, Stopwatch& watch) {
  Host& host = starting.host;
  WRENN_CO_TRY(co_await host.pool->run([&] { return starting.prepare(request, snapshot); }));
  watch.lap("prepare");
  WRENN_CO_TRY_ASSIGN(starting.process,
                      co_await host.hypervisor->restore(
                          starting.place->spec(), snapshot.memory_file, starting.state.get()));
  watch.lap("start");
  GuestClient guest(starting.place->slot.netns.get(),
                    base::Secret(std::string(starting.manifest.envd_token.reveal())));
  auto set_up = co_await net::with_timeout(kGuestTimeout,
                                           guest.init({.hostname = guest_hostname(request.id),
                                                       .sandbox_id = request.id,
                                                       .template_id = request.template_name,
                                                       .default_user = {},  // The template has one.
                                                       .envs = {}}));
  if (!set_up) {
    co_return base::fail(co_await with_console(
        host, starting.place->spec(),
        std::move(set_up).error().with_context("the sandbox does not answer")));
  }
  watch.lap("guest");
  WRENN_CO_TRY(co_await host.pool->run([&] { return starting.record_running(); }));
  watch.lap("record");
  co_return {};
}

}  // namespace

net::Task<Result<std::unique_ptr<Sandbox>>> SandboxManager::start(
    const CreateRequest& request, const TemplateSnapshot& snapshot,
    std::map<std::string, double>& timings) {
  const auto id = storage::Name::parse("sandbox id", request.id);
  if (!id) co_return base::fail(id.error());
  Stopwatch watch(timings);
  Starting starting{.host = host_,
                    .manifest = {},
                    .directory = host_.config.layout.sandbox_dir(*id),
                    .place = std::nullopt,
                    .state = {},
                    .process = std::nullopt};
  auto up = co_await bring_up(starting, snapshot, request, watch);
  if (!up) {
    if (auto undone = co_await host_.pool->run([&] { return starting.undo(); }); !undone) {
      base::log_warn("a failed start could not be undone wholly",
                     {{"sandbox", request.id}, {"error", undone.error()}});
    }
    co_return base::fail(std::move(up).error());
  }
  co_return std::make_unique<Sandbox>(std::move(starting.manifest), std::move(*starting.place),
                                      std::move(*starting.process));
}

void SandboxManager::keep(std::unique_ptr<Sandbox> sandbox) {
  const std::string id = sandbox->manifest.id;
  const int timeout_sec = sandbox->manifest.timeout_sec;
  // Only QEMU needs the network card from now on.
  sandbox->place.tap.reset();
  if (auto added = data_plane_.add(*sandbox); !added) {
    base::log_error("the ports of a sandbox cannot be reached",
                    {{"sandbox", id}, {"error", added.error()}});
  }
  sandboxes_[id] = std::move(sandbox);
  tasks_.spawn(watch(id));
  if (timeout_sec > 0) tasks_.spawn(watch_idle(id, timeout_sec));
}

// A VM that ends by itself is noticed at once and cleared away.
net::Task<void> SandboxManager::watch(std::string id) {
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end()) co_return;
  const auto ended = co_await net::wait_readable(found->second->process.pidfd.get());
  if (!ended) co_return;  // The agent itself ends.
  const auto again = sandboxes_.find(id);
  if (again == sandboxes_.end() || again->second->is_ending) co_return;
  base::log_warn("a VM ended by itself", {{"sandbox", id}});
  if (auto destroyed = co_await destroy(id); !destroyed) {
    base::log_error("a sandbox could not be cleared away",
                    {{"sandbox", id}, {"error", destroyed.error()}});
  }
}

net::Task<void> SandboxManager::watch_idle(std::string id, int timeout_sec) {
  while (true) {
    const auto found = sandboxes_.find(id);
    if (found == sandboxes_.end() || found->second->is_ending) co_return;
    const std::int64_t idle_ms = base::unix_ms_now() - found->second->last_used_unix_ms();
    const std::int64_t left_ms = timeout_sec * std::int64_t{1000} - idle_ms;
    if (left_ms <= 0) break;
    // The end of the sandbox ends the sleep, which may be one of hours.
    if (!co_await net::with_stop_also(found->second->stop_.token(),
                                      net::sleep_for(std::chrono::milliseconds(left_ms)))) {
      co_return;
    }
  }
  base::log_info("destroying an idle sandbox", {{"sandbox", id}, {"timeout_sec", timeout_sec}});
  if (auto destroyed = co_await destroy(id); !destroyed) {
    base::log_error("an idle sandbox could not be destroyed",
                    {{"sandbox", id}, {"error", destroyed.error()}});
  }
}

net::Task<Result<void>> SandboxManager::destroy(std::string id) {
  return net::with_stop(net::StopToken(), destroy_now(std::move(id)));
}

net::Task<Result<void>> SandboxManager::destroy_now(std::string id) {
  if (const auto creating = creating_.find(id); creating != creating_.end()) {
    creating->second = false;  // create() does it, as soon as there is something to destroy.
  }
  auto found = sandboxes_.find(id);
  // Who comes second waits: its answer, too, means that nothing is left.
  while (found != sandboxes_.end() && found->second->is_clearing) {
    co_await found->second->clearing_ended_.wait();
    found = sandboxes_.find(id);
  }
  if (found == sandboxes_.end()) co_return {};
  Sandbox& sandbox = *found->second;
  sandbox.is_ending = sandbox.is_clearing = true;
  sandbox.stop_.request_stop();
  co_await data_plane_.remove(id);
  while (sandbox.uses_ > 0) co_await sandbox.unused_.wait();
  sandbox.guest.reset();
  auto cleared = co_await host_.pool->run([this, &sandbox] { return clear(sandbox); });
  sandbox.is_clearing = false;
  sandbox.clearing_ended_.wake_all();
  // Until then it stays known, so that it can be tried again.
  WRENN_CO_TRY(std::move(cleared));
  sandboxes_.erase(id);
  base::log_info("sandbox destroyed", {{"sandbox", id}});
  co_return {};
}

// Blocking. Goes on where an earlier call failed.
Result<void> SandboxManager::clear(Sandbox& sandbox) {
  if (!sandbox.is_cleared_) {
    WRENN_TRY(vm::kill_vm(sandbox.process));
    clear_place(host_, std::move(sandbox.place));
    sandbox.is_cleared_ = true;
  }
  WRENN_TRY_ASSIGN(const auto name, storage::Name::parse("sandbox id", sandbox.manifest.id));
  return base::remove_tree(host_.config.layout.sandbox_dir(name));
}

Result<SandboxUse> SandboxManager::use(const std::string& id) {
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end() || found->second->is_ending) {
    return base::fail(Code::kNotFound, concat("sandbox ", id, " is not running on this host"));
  }
  return SandboxUse(*found->second);
}

net::Task<Result<std::vector<SandboxView>>> SandboxManager::list() {
  struct Measured {
    std::string id;
    base::ProcessIdentity process;
    base::Path disk;
    vm::VmStats stats;
    std::uint64_t disk_bytes = 0;
  };
  std::vector<Measured> measured;
  for (const auto& [id, sandbox] : sandboxes_) {
    // What is being cleared belongs to another thread.
    if (sandbox->is_clearing) continue;
    measured.push_back({id, sandbox->process.identity, sandbox->place.disk.path, {}, 0});
  }
  WRENN_CO_TRY(co_await host_.pool->run([&measured]() -> Result<void> {
    for (auto& one : measured) {
      one.stats = vm::read_stats(one.process).value_or(vm::VmStats());
      one.disk_bytes = storage::disk_usage(one.disk).value_or(0);
    }
    return {};
  }));
  std::vector<SandboxView> views;
  for (const auto& one : measured) {
    const auto found = sandboxes_.find(one.id);
    if (found == sandboxes_.end() || found->second->is_clearing) continue;
    const Sandbox& sandbox = *found->second;
    views.push_back({.manifest = sandbox.manifest,
                     .host_ip = sandbox.place.slot.address.to_string(),
                     .last_active_unix_ms = sandbox.last_used_unix_ms(),
                     .stats = one.stats,
                     .disk_bytes = one.disk_bytes,
                     .is_ruin = sandbox.is_ending});
  }
  co_return views;
}

net::Task<Result<void>> SandboxManager::adopt(storage::SandboxManifest manifest) {
  const auto take_over = [this, &manifest]() -> Result<std::unique_ptr<Sandbox>> {
    WRENN_TRY_ASSIGN(base::Fd pidfd, base::open_pidfd(manifest.process));
    WRENN_TRY_ASSIGN(const auto name, storage::Name::parse("sandbox id", manifest.id));
    VmPlace place;
    place.id = manifest.id;
    place.shape = {manifest.vcpus, manifest.memory_mb, manifest.disk_mb};
    place.directory = host_.config.layout.sandbox_dir(name) / "vm";
    place.uid = manifest.uid;
    for (const char* disk : {"disk.qcow2", "disk.raw"}) {
      if (std::filesystem::exists(place.directory / disk)) place.disk.path = place.directory / disk;
    }
    WRENN_TRY_ASSIGN(place.slot,
                     host_.slots->adopt(static_cast<hostnet::SlotIndex>(manifest.slot)));
    place.cgroup =
        base::Cgroup::adopt(host_.cgroups, host_.config.tag.cgroup_parent(), manifest.id);
    vm::VmProcess process{manifest.process, std::move(pidfd)};
    return std::make_unique<Sandbox>(std::move(manifest), std::move(place), std::move(process));
  };
  WRENN_CO_TRY_ASSIGN(auto sandbox, co_await host_.pool->run(take_over));
  base::log_info("sandbox adopted",
                 {{"sandbox", sandbox->manifest.id}, {"pid", sandbox->process.identity.pid}});
  keep(std::move(sandbox));
  co_return {};
}

net::Task<void> SandboxManager::shut_down() {
  tasks_.request_stop();
  co_await tasks_.join();
  // Dropping a sandbox destroys its cgroup; one that lives on is let go of.
  for (auto& [id, sandbox] : sandboxes_) sandbox->place.cgroup.release();
}

}  // namespace wrenn::agent
