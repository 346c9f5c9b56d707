// Forks, and the templates that are made of sandboxes.
#include <algorithm>

#include "agent/operation_log.h"
#include "agent/sandbox_manager.h"
#include "agent/save_vm.h"
#include "agent/start_vm.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/staged_dir.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Removes itself, unless it was given away.
class StagingArea {
 public:
  explicit StagingArea(Host& host)
      : path_(host.config.layout.sandboxes_dir() /
              concat("copy.tmp-", base::to_hex(base::random_bytes(6)))) {}
  StagingArea(const StagingArea&) = delete;
  StagingArea& operator=(const StagingArea&) = delete;
  const base::Path& path() const { return path_; }
  // Blocking, as is the next.
  Result<void> make() const { return base::make_dirs(path_, 0700); }
  Result<void> remove() const { return base::remove_tree(path_); }

 private:
  const base::Path path_;
};

}  // namespace

// A guest that is told has them in its memory, which is saved next.
net::Task<Result<void>> SandboxManager::set_defaults(Sandbox& sandbox,
                                                     const storage::GuestDefaults& defaults) {
  if (!sandbox.vm) {
    co_return base::fail(Code::kFailedPrecondition, "its defaults can be set while it runs only",
                         "resume it first");
  }
  const bool is_too_much = defaults.env.size() > storage::kMaxMetadataEntries ||
                           std::ranges::any_of(defaults.env, [](const auto& variable) {
                             return variable.first.size() > storage::kMaxMetadataKey ||
                                    variable.second.size() > storage::kMaxMetadataValue;
                           });
  if (is_too_much) {
    co_return base::fail(Code::kInvalidArgument,
                         concat("a template's environment may have ", storage::kMaxMetadataEntries,
                                " variables of up to ", storage::kMaxMetadataValue, " bytes"));
  }
  co_return co_await net::with_timeout(kGuestTimeout,
                                       sandbox.vm->guest->init({.hostname = {},
                                                                .default_user = defaults.user,
                                                                .default_workdir = defaults.workdir,
                                                                .envs = defaults.env}));
}

net::Task<Result<CheckpointPtr>> SandboxManager::save_copy(
    SandboxPtr sandbox, base::Path directory, Timings& timings,
    std::optional<storage::GuestDefaults> defaults) {
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  if (defaults) WRENN_CO_TRY(co_await set_defaults(*sandbox, *defaults));
  if (!sandbox->vm) {
    WRENN_CO_TRY(co_await host_.pool->run(
        [&sandbox, &directory] { return link_checkpoint(*sandbox->base, directory); }));
  } else {
    const SaveRequest request{
        .what = SaveWhat::kMemoryAndDisk,
        .afterwards = Afterwards::kGoesOn,
        .base = sandbox->base,
        .envd_token = base::Secret(std::string(sandbox->manifest.envd_token.reveal())),
        .defaults = std::move(defaults),
        .directory = directory};
    WRENN_CO_TRY(co_await save_vm(host_, *sandbox->vm, request, timings));
  }
  co_return co_await host_.pool->run([&directory] { return load_checkpoint(directory); });
}

net::Task<Result<std::vector<ForkOutcome>>> SandboxManager::fork(ForkRequest request,
                                                                 Timings& timings) {
  return net::with_stop(net::StopToken(), stats_.measure(HostOperation::kFork,
                                                         fork_now(std::move(request), timings)));
}

net::Task<Result<std::vector<ForkOutcome>>> SandboxManager::fork_now(ForkRequest request,
                                                                     Timings& timings) {
  const auto begin = base::steady_now();
  WRENN_CO_TRY_ASSIGN(const SandboxPtr source, find(request.id));
  StagingArea area(host_);
  WRENN_CO_TRY(co_await host_.pool->run([&area] { return area.make(); }));
  auto copied = co_await save_copy(source, area.path(), timings);
  std::vector<ForkOutcome> outcomes;
  if (copied) {
    for (auto& id : request.fork_ids) {
      outcomes.push_back({std::move(id), base::fail(Code::kInternal, "it was not started")});
    }
    net::TaskScope forks(co_await net::current_context());
    for (auto& outcome : outcomes) {
      forks.spawn(start_fork(outcome.id, source->manifest, *copied, request.lifecycle, outcome));
    }
    co_await forks.join();
  }
  if (auto removed = co_await host_.pool->run([&area] { return area.remove(); }); !removed) {
    base::log_warn("a copy's files stay behind", {{"error", removed.error()}});
  }
  if (!copied) co_return base::fail(std::move(copied).error());
  timings["total"] = ms_since(begin);
  co_return outcomes;
}

net::Task<void> SandboxManager::start_fork(std::string id, storage::SandboxManifest source,
                                           CheckpointPtr from, std::optional<Lifecycle> lifecycle,
                                           ForkOutcome& outcome) {
  CreateRequest request{.id = std::move(id),
                        .template_name = source.template_name,
                        .shape = from->shape(),
                        .lifecycle = lifecycle.value_or(lifecycle_of(source)),
                        .network = source.network};
  Result<Outcome> created = base::fail(Code::kInternal, "it was not started");
  if (auto checked = check(request); !checked) {
    created = base::fail(std::move(checked).error());
  } else {
    created = co_await create_from(std::move(request), std::move(from));
  }
  if (created) {
    outcome.sandbox = std::move(created->sandbox);
  } else {
    outcome.sandbox = base::fail(std::move(created).error());
  }
}

net::Task<Result<TemplateView>> SandboxManager::snapshot(
    std::string id, std::string name, std::optional<storage::GuestDefaults> defaults,
    Timings& timings) {
  return net::with_stop(
      net::StopToken(),
      stats_.measure(HostOperation::kSnapshot,
                     snapshot_now(std::move(id), std::move(name), std::move(defaults), timings)));
}

net::Task<Result<TemplateView>> SandboxManager::snapshot_now(
    std::string id, std::string name, std::optional<storage::GuestDefaults> defaults,
    Timings& timings) {
  const auto begin = base::steady_now();
  WRENN_CO_TRY_ASSIGN(const SandboxPtr source, find(id));
  WRENN_CO_TRY_ASSIGN(const auto template_name, storage::Name::parse("template name", name));
  WRENN_CO_TRY_ASSIGN(auto staged, co_await templates_.begin_snapshot(template_name));
  WRENN_CO_TRY(co_await save_copy(source, staged.path(), timings, std::move(defaults)));
  WRENN_CO_TRY_ASSIGN(auto made,
                      co_await templates_.keep_snapshot(template_name, std::move(staged)));
  timings["total"] = ms_since(begin);
  co_await log_done("snapshot taken", id, begin);
  co_return made;
}

}  // namespace wrenn::agent
