#include "agent/template_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "agent/template_build.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Part of the hash: raised when the way of building changes.
constexpr int kBuildFormat = 3;
constexpr const char* kSnapshotShape = "snapshot";

// Changes whenever the file does, without reading gigabytes.
Result<std::string> file_stamp(const base::Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return base::fail_errno(errno, concat("cannot look at ", path.native()));
  }
  return concat(path.filename().native(), ':', info.st_size, ':', info.st_mtim.tv_sec, '.',
                info.st_mtim.tv_nsec, ':', info.st_ino, '\n');
}

}  // namespace

net::Task<Result<CheckpointPtr>> TemplateStore::get(storage::Name name, Shape shape) {
  const base::Path snapshot = snapshot_directory(name);
  const auto is_there = [&snapshot] {
    return base::Result<bool>(std::filesystem::exists(snapshot));
  };
  const std::string key = concat(name.text(), '/', shape.name());
  if (const auto found = ready_.find(key); found != ready_.end()) co_return found->second;
  WRENN_CO_TRY_ASSIGN(const bool is_snapshot, co_await host_.pool->run(is_there));
  if (is_snapshot) {
    co_return co_await host_.pool->run([&snapshot] { return load_checkpoint(snapshot); });
  }
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await building_.lock());
  if (const auto found = ready_.find(key); found != ready_.end()) co_return found->second;
  WRENN_CO_TRY_ASSIGN(auto built, co_await load_or_build(name, shape));
  co_return ready_.emplace(key, std::move(built)).first->second;
}

net::Task<Result<CheckpointPtr>> TemplateStore::load_or_build(storage::Name name, Shape shape) {
  WRENN_CO_TRY_ASSIGN(const std::string hash, co_await host_.pool->run([this, &name, &shape] {
    return hash_inputs(name, shape);
  }));
  const auto try_load = [this, &name, &shape, &hash] { return load(name, shape, hash); };
  auto kept = co_await host_.pool->run(try_load);
  if (kept) co_return kept;
  const bool is_first = kept.error().code == Code::kNotFound;
  base::log_info("building a template snapshot; this is done once",
                 {{"template", name.text()},
                  {"shape", shape.name()},
                  {"why", is_first ? std::string("there is none yet") : kept.error().message}});
  WRENN_CO_TRY(co_await build_template(host_, {name, shape, hash}));
  co_return co_await host_.pool->run(try_load);
}

Result<std::string> TemplateStore::hash_inputs(const storage::Name& name,
                                               const Shape& shape) const {
  const auto& layout = host_.config.layout;
  auto rootfs = file_stamp(layout.image_rootfs(name));
  if (!rootfs) {
    WRENN_TRY_ASSIGN(const auto known, list_now());
    std::vector<std::string> names;
    for (const auto& one : known) names.push_back(one.name);
    return base::fail(Code::kNotFound, concat("there is no template '", name.text(), "'"),
                      names.empty() ? std::string("build one: images/build.sh")
                                    : concat("known templates: ", base::join(names, ", ")));
  }
  WRENN_TRY_ASSIGN(const std::uint64_t needed,
                   storage::virtual_size(layout.image_rootfs(name), storage::DiskFormat::kRaw));
  if (needed > shape.disk_bytes()) {
    return base::fail(Code::kInvalidArgument,
                      concat("disk_mb must be at least ", needed >> 20, " for the template '",
                             name.text(), "', not ", shape.disk_mb));
  }
  WRENN_TRY_ASSIGN(const std::string kernel, file_stamp(host_.kernel.image));
  WRENN_TRY_ASSIGN(const std::string initramfs, file_stamp(host_.kernel.initramfs));
  return base::sha256_hex(concat(
      kBuildFormat, '\n', *rootfs, kernel, initramfs, shape.name(), '\n', host_.hypervisor->name(),
      ' ', host_.hypervisor->version(), ' ', vm::accelerator_name(host_.hypervisor->accelerator()),
      host_.config.hypervisor.huge_pages ? " huge pages" : "", '\n', processor_name()));
}

Result<CheckpointPtr> TemplateStore::load(const storage::Name& name, const Shape& shape,
                                          const std::string& hash) const {
  const auto& layout = host_.config.layout;
  WRENN_TRY_ASSIGN(const auto shape_name, storage::Name::parse("shape", shape.name()));
  WRENN_TRY_ASSIGN(const auto manifest,
                   storage::read_template_manifest(layout.snapshot_manifest(name, shape_name)));
  if (manifest.input_hash != hash) {
    return base::fail(Code::kFailedPrecondition, "what it was made from has changed");
  }
  return load_checkpoint(layout.snapshot_dir(name, shape_name));
}

// What it was made from, by those who make images; else that the file is another one.
Result<std::string> TemplateStore::image_version(const storage::Name& name) const {
  const auto& layout = host_.config.layout;
  auto made_from = storage::read_image_inputs(layout.image_dir(name) / storage::kManifestFile);
  if (made_from && !made_from->empty()) return made_from;
  WRENN_TRY_ASSIGN(const std::string stamp, file_stamp(layout.image_rootfs(name)));
  return base::sha256_hex(stamp);
}

base::Path TemplateStore::snapshot_directory(const storage::Name& name) const {
  return host_.config.layout.template_dir(name) / kSnapshotShape;
}

bool TemplateStore::is_image(const storage::Name& name) const {
  return std::filesystem::exists(host_.config.layout.image_rootfs(name));
}

net::Task<Result<std::vector<TemplateView>>> TemplateStore::list() {
  co_return co_await host_.pool->run([this] { return list_now(); });
}

Result<std::vector<TemplateView>> TemplateStore::list_now() const {
  std::vector<TemplateView> views;
  WRENN_TRY_ASSIGN(const auto images, host_.config.layout.list_templates());
  for (const auto& image : images) {
    TemplateView view;
    view.name = image.text();
    view.size_bytes = storage::disk_usage(host_.config.layout.image_rootfs(image)).value_or(0);
    WRENN_TRY_ASSIGN(view.version, image_version(image));
    views.push_back(std::move(view));
  }
  WRENN_TRY_ASSIGN(const auto names, host_.config.layout.list_snapshot_templates());
  for (const auto& name : names) {
    if (!std::filesystem::exists(snapshot_directory(name))) continue;
    auto view = view_snapshot(name);
    if (view) {
      views.push_back(*std::move(view));
    } else {
      base::log_warn("a template cannot be read",
                     {{"template", name.text()}, {"error", view.error()}});
    }
  }
  return views;
}

Result<TemplateView> TemplateStore::view_snapshot(const storage::Name& name) const {
  const base::Path directory = snapshot_directory(name);
  WRENN_TRY_ASSIGN(const auto manifest,
                   storage::read_checkpoint_manifest(directory / storage::kCheckpointFile));
  return TemplateView{.name = name.text(),
                      .is_snapshot = true,
                      .shape = {manifest.vcpus, manifest.memory_mb, manifest.disk_mb},
                      .size_bytes = storage::disk_usage(directory).value_or(0),
                      .created_unix_ms = manifest.created_unix_ms};
}

net::Task<Result<storage::StagedDir>> TemplateStore::begin_snapshot(storage::Name name) {
  co_return co_await host_.pool->run([this, &name]() -> Result<storage::StagedDir> {
    auto staged = is_image(name) ? base::fail(Code::kAlreadyExists, "")
                                 : storage::StagedDir::create(snapshot_directory(name), 0700);
    if (staged || staged.error().code != Code::kAlreadyExists) return staged;
    return base::fail(Code::kAlreadyExists,
                      concat("there is a template '", name.text(), "' already"),
                      "choose another name, or delete that one first");
  });
}

net::Task<Result<TemplateView>> TemplateStore::keep_snapshot(storage::Name name,
                                                             storage::StagedDir staged) {
  co_return co_await host_.pool->run([this, &name, &staged]() -> Result<TemplateView> {
    WRENN_TRY(staged.commit());
    return view_snapshot(name);
  });
}

net::Task<Result<void>> TemplateStore::remove(storage::Name name) {
  co_return co_await host_.pool->run([this, &name]() -> Result<void> {
    if (is_image(name)) {
      return base::fail(Code::kFailedPrecondition,
                        concat("the template '", name.text(), "' is an image of this host"),
                        "only templates that were made of sandboxes can be deleted");
    }
    const base::Path directory = snapshot_directory(name);
    const base::Path doomed =
        concat(directory.native(), ".tmp-", base::to_hex(base::random_bytes(6)));
    if (::rename(directory.c_str(), doomed.c_str()) != 0) {
      if (errno == ENOENT) return {};
      return base::fail_errno(errno, concat("cannot remove ", directory.native()));
    }
    WRENN_TRY(base::remove_tree(doomed));
    (void)::rmdir(host_.config.layout.template_dir(name).c_str());  // Unless another lies there.
    return {};
  });
}

}  // namespace wrenn::agent
