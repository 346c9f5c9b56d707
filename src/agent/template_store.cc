#include "agent/template_store.h"

#include <sys/stat.h>

#include <cerrno>

#include "agent/template_build.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/manifest.h"
#include "vm/memory_file.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Part of the hash: raised when the way of building changes.
constexpr int kBuildFormat = 2;
constexpr const char* kJailTemplateDir = "/template";

// Changes whenever the file does, without reading gigabytes.
Result<std::string> file_stamp(const base::Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return base::fail_errno(errno, concat("cannot look at ", path.native()));
  }
  return concat(path.filename().native(), ':', info.st_size, ':', info.st_mtim.tv_sec, '.',
                info.st_mtim.tv_nsec, ':', info.st_ino, '\n');
}

// Device state is bound to the processor it was saved on.
std::string processor_name() {
  const auto text = base::read_file("/proc/cpuinfo");
  if (!text) return {};
  for (const auto line : base::split(*text, '\n')) {
    if (line.starts_with("model name")) return std::string(line);
  }
  return {};
}

}  // namespace

net::Task<Result<const TemplateSnapshot*>> TemplateStore::get(storage::Name name, Shape shape) {
  const std::string key = concat(name.text(), '/', shape.name());
  if (const auto found = ready_.find(key); found != ready_.end()) co_return found->second.get();
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await building_.lock());
  if (const auto found = ready_.find(key); found != ready_.end()) co_return found->second.get();
  WRENN_CO_TRY_ASSIGN(auto snapshot, co_await load_or_build(name, shape));
  co_return ready_.emplace(key, std::move(snapshot)).first->second.get();
}

net::Task<Result<std::unique_ptr<TemplateSnapshot>>> TemplateStore::load_or_build(
    storage::Name name, Shape shape) {
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
    WRENN_TRY_ASSIGN(const auto known, layout.list_templates());
    std::vector<std::string> names;
    for (const auto& one : known) names.push_back(one.text());
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
  return base::sha256_hex(concat(kBuildFormat, '\n', *rootfs, kernel, initramfs, shape.name(), '\n',
                                 host_.hypervisor->name(), ' ', host_.hypervisor->version(), ' ',
                                 vm::accelerator_name(host_.hypervisor->accelerator()), '\n',
                                 processor_name()));
}

Result<std::unique_ptr<TemplateSnapshot>> TemplateStore::load(const storage::Name& name,
                                                              const Shape& shape,
                                                              const std::string& hash) const {
  const auto& layout = host_.config.layout;
  WRENN_TRY_ASSIGN(const auto shape_name, storage::Name::parse("shape", shape.name()));
  WRENN_TRY_ASSIGN(const auto manifest,
                   storage::read_template_manifest(layout.snapshot_manifest(name, shape_name)));
  if (manifest.input_hash != hash) {
    return base::fail(Code::kFailedPrecondition, "what it was made from has changed");
  }
  const base::Path memory = layout.snapshot_memory(name, shape_name);
  WRENN_TRY(vm::check_memory_file(memory, shape.memory_bytes()));
  BaseDisk disk;
  const base::Path raw = layout.snapshot_dir(name, shape_name) / kSnapshotRawDisk;
  if (std::filesystem::exists(raw)) {
    disk.path = raw;
    disk.name_in_jail = base::Path(kJailTemplateDir) / kSnapshotRawDisk;
  } else {
    disk = image_disk(host_, name);
    disk.path = layout.snapshot_dir(name, shape_name) / kSnapshotOverlayDisk;
    disk.format = storage::DiskFormat::kQcow2;
    disk.name_in_jail = base::Path(kJailTemplateDir) / kSnapshotOverlayDisk;
  }
  disk.backing_files.push_back({disk.path, disk.name_in_jail});
  return std::make_unique<TemplateSnapshot>(
      TemplateSnapshot{.shape = shape,
                       .kernel_version = manifest.kernel_version,
                       .envd_version = manifest.envd_version,
                       .memory_file = memory,
                       .state_file = layout.snapshot_state(name, shape_name),
                       .disk = std::move(disk)});
}

}  // namespace wrenn::agent
