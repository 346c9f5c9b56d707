// Paused sandboxes that leave the host for object storage, and come back on this or another one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "agent/sandbox_manager.h"
#include "agent/start_vm.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/objects/archive.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// An open store with what belongs to it. Blocking.
struct Storage {
  storage::ObjectStoreConfig config;
  std::unique_ptr<storage::ObjectStore> store;
  base::Path scratch;
  std::stop_token stop;

  static Result<Storage> open(const Host& host, std::stop_token stop) {
    const base::Path file = host.config.layout.root() / storage::kObjectStorageFile;
    auto config = storage::read_object_store_config(file);
    if (!config && config.error().code == Code::kNotFound) {
      return base::fail(
          Code::kFailedPrecondition, "this host has no object storage",
          concat("describe one in ", file.native(), "; docs/operations.md tells how"));
    }
    Storage storage;
    storage.stop = std::move(stop);
    WRENN_TRY_ASSIGN(storage.config, std::move(config));
    WRENN_TRY_ASSIGN(storage.store, storage::open_object_store(storage.config, storage.stop));
    storage.scratch = host.config.layout.sandboxes_dir();
    return storage;
  }
  storage::Archives archives() const { return {*store, config.encryption_key, scratch, stop}; }
};

// One at a time reads, writes or removes the archive of a sandbox.
class ArchiveTurn {
 public:
  static Result<ArchiveTurn> take(std::set<std::string>& taken, const std::string& id) {
    if (!taken.insert(id).second) {
      return base::fail(Code::kAborted, concat("the archive of sandbox ", id, " is in use"),
                        "ask again in a moment");
    }
    return ArchiveTurn(taken, id);
  }
  ArchiveTurn(ArchiveTurn&& other) noexcept
      : taken_(std::exchange(other.taken_, nullptr)), id_(std::move(other.id_)) {}
  ~ArchiveTurn() {
    if (taken_ != nullptr) taken_->erase(id_);
  }

 private:
  ArchiveTurn(std::set<std::string>& taken, std::string id) : taken_(&taken), id_(std::move(id)) {}
  std::set<std::string>* taken_;
  std::string id_;
};

// The files of the sandbox's template that are on this host.
std::vector<base::Path> template_files(const Host& host, const std::string& template_name) {
  std::vector<base::Path> files;
  std::error_code ignored;
  const base::Path directory = host.config.layout.snapshots_dir() / template_name;
  for (const auto& shape : std::filesystem::directory_iterator(directory, ignored)) {
    for (const auto& file : std::filesystem::directory_iterator(shape, ignored)) {
      files.push_back(file.path());
    }
  }
  return files;
}

storage::FileIds identify(const std::vector<base::Path>& files) {
  storage::FileIds ids;
  for (const base::Path& file : files) {
    struct stat info{};
    if (::lstat(file.c_str(), &info) == 0) ids.emplace(info.st_dev, info.st_ino);
  }
  return ids;
}

// What this host has of the sandbox's template: linked, it shares its memory with the others.
storage::LocalFiles local_files(const Host& host, const storage::ArchiveManifest& archive,
                                const std::string& template_name, const base::Secret& key,
                                storage::BlobNames& names) {
  storage::LocalFiles local;
  for (const base::Path& path : template_files(host, template_name)) {
    const auto is_like_it = [&path](const storage::ArchivedFile& archived) {
      std::error_code ignored;
      return archived.name == path.filename() &&
             std::filesystem::file_size(path, ignored) == archived.size;
    };
    if (!std::ranges::any_of(archive.files, is_like_it)) continue;
    const auto file = base::open_file(path, O_RDONLY | O_NOFOLLOW);
    if (!file) continue;
    if (const auto name = names.name_of(file->get(), key)) local.emplace(*name, path);
  }
  return local;
}

struct Fetched {
  storage::SandboxManifest manifest;
  CheckpointPtr checkpoint;
};

// The directory of a sandbox that is fetched: without a manifest it is nobody's, and goes at the
// next start of the agent.
Result<Fetched> fetch(const Host& host, const std::string& id, std::stop_token stop,
                      storage::BlobNames& names) {
  WRENN_TRY_ASSIGN(const Storage storage, Storage::open(host, std::move(stop)));
  WRENN_TRY_ASSIGN(const auto archive, storage.archives().find(id));
  Fetched fetched;
  storage::SandboxManifest& manifest = fetched.manifest;
  WRENN_TRY_ASSIGN(manifest, storage::parse_sandbox_manifest(archive.text));
  if (manifest.id != id) return base::fail(Code::kDataLoss, "the archive is of another sandbox");
  manifest.state = storage::StoredState::kPaused;
  manifest.slot = -1;
  manifest.uid = 0;
  manifest.process = {};
  const base::Path directory = sandbox_directory(host, id);
  if (::mkdir(directory.c_str(), 0711) != 0) {
    return base::fail_errno(errno, concat("cannot create ", directory.native()));
  }
  const base::Path checkpoint = checkpoint_directory(host, id, manifest.checkpoint);
  WRENN_TRY(base::make_dirs(checkpoint, 0700));
  WRENN_TRY(storage.archives().fetch(
      id, archive, checkpoint,
      local_files(host, archive, manifest.template_name, storage.config.encryption_key, names)));
  WRENN_TRY(base::fsync_dir(checkpoint.parent_path()));
  WRENN_TRY_ASSIGN(fetched.checkpoint, load_checkpoint(checkpoint));
  WRENN_TRY(check_machine(host, *fetched.checkpoint));
  WRENN_TRY(storage::write_manifest(directory / storage::kManifestFile, manifest));
  return fetched;
}

}  // namespace

net::Task<Result<Hibernated>> SandboxManager::hibernate(std::string id) {
  return net::with_stop(net::StopToken(),
                        stats_.measure(HostOperation::kHibernate, hibernate_now(std::move(id))));
}

net::Task<Result<Hibernated>> SandboxManager::hibernate_now(std::string id) {
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  if (sandbox->vm) {
    co_return base::fail(Code::kFailedPrecondition, concat("sandbox ", id, " runs"),
                         "pause it first");
  }
  WRENN_CO_TRY_ASSIGN(const auto turn, ArchiveTurn::take(archiving_, id));
  Hibernated hibernated;
  const auto begin = base::steady_now();
  sandbox->doing = Doing::kPausing;
  auto written =
      co_await host_.transfers->run([this, &id, &sandbox]() -> Result<storage::ArchiveStats> {
        WRENN_TRY_ASSIGN(const Storage storage, Storage::open(host_, stop_transfers_.get_token()));
        return storage.archives().write(
            id, sandbox->base->directory, to_json(sandbox->manifest), blob_names_,
            identify(template_files(host_, sandbox->manifest.template_name)));
      });
  if (!written) {
    sandbox->doing = Doing::kNothing;
    co_return base::fail(std::move(written).error().with_context("it stays paused"));
  }
  hibernated.timings["send"] = ms_since(begin);
  // From now on it is there, and here it is only in the way.
  auto removed =
      co_await host_.pool->run([this, &id] { return remove_sandbox_directory(host_, id); });
  if (!removed) {
    const bool is_here = ::access(sandbox_directory(host_, id).c_str(), F_OK) == 0;
    if (is_here) {
      sandbox->doing = Doing::kNothing;
      co_return base::fail(std::move(removed).error().with_context("it stays paused"));
    }
    base::log_warn("files of a hibernated sandbox stay behind",
                   {{"sandbox", id}, {"error", removed.error()}});
  }
  sandbox->is_gone = true;
  sandboxes_.erase(id);
  hibernated.bytes = written->stored_bytes;
  hibernated.timings["total"] = ms_since(begin);
  base::log_info("sandbox hibernated", {{"sandbox", id},
                                        {"sent_bytes", written->sent_bytes},
                                        {"ms", base::to_ms(base::steady_now() - begin)}});
  co_return hibernated;
}

net::Task<Result<Outcome>> SandboxManager::wake(std::string id,
                                                std::optional<Lifecycle> lifecycle) {
  return net::with_stop(net::StopToken(),
                        stats_.measure(HostOperation::kWake, wake_now(std::move(id), lifecycle)));
}

net::Task<Result<Outcome>> SandboxManager::wake_now(std::string id,
                                                    std::optional<Lifecycle> lifecycle) {
  const auto begin = base::steady_now();
  if (!base::is_id(base::kSandboxPrefix, id)) {
    co_return base::fail(Code::kInvalidArgument, concat("'", id, "' is not a sandbox id"));
  }
  // The answer to an earlier call may have been lost.
  if (sandboxes_.contains(id)) co_return co_await resume_now(std::move(id), lifecycle);
  if (creating_.contains(id)) {
    co_return base::fail(Code::kAborted, concat("sandbox ", id, " is being fetched"), "ask again");
  }
  WRENN_CO_TRY_ASSIGN(const auto turn, ArchiveTurn::take(archiving_, id));
  creating_[id] = true;
  auto fetched = co_await host_.transfers->run(
      [this, &id] { return fetch(host_, id, stop_transfers_.get_token(), blob_names_); });
  const bool is_wanted = creating_[id];
  creating_.erase(id);
  if (fetched && !is_wanted) {
    fetched = base::fail(Code::kAborted, concat("sandbox ", id, " was destroyed meanwhile"));
  }
  if (!fetched) {
    auto removed =
        co_await host_.pool->run([this, &id] { return remove_sandbox_directory(host_, id); });
    if (!removed) base::log_warn("a directory stays behind", {{"error", removed.error()}});
    co_return base::fail(std::move(fetched).error().with_context("it stays in object storage"));
  }
  const double fetch_ms = ms_since(begin);
  keep(std::make_shared<Sandbox>(std::move(fetched->manifest), std::move(fetched->checkpoint),
                                 nullptr));
  auto resumed = co_await resume_now(id, lifecycle);
  if (!resumed) {
    // The archive is whole: another attempt, perhaps elsewhere, begins with that.
    (void)co_await destroy_now(id);
    co_return base::fail(std::move(resumed).error());
  }
  resumed->timings["fetch"] = fetch_ms;
  resumed->timings["total"] = ms_since(begin);
  co_return std::move(*resumed);
}

net::Task<Result<void>> SandboxManager::forget_archive(std::string id) {
  if (!base::is_id(base::kSandboxPrefix, id)) {
    co_return base::fail(Code::kInvalidArgument, concat("'", id, "' is not a sandbox id"));
  }
  WRENN_CO_TRY_ASSIGN(const auto turn, ArchiveTurn::take(archiving_, id));
  co_return co_await host_.transfers->run([this, &id]() -> Result<void> {
    WRENN_TRY_ASSIGN(const Storage storage, Storage::open(host_, stop_transfers_.get_token()));
    return storage.archives().remove(id);
  });
}

}  // namespace wrenn::agent
