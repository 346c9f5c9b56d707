#include "storage/layout.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/semver.h"
#include "base/strings.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace fs = std::filesystem;

constexpr std::string_view kKernelPrefix = "vmlinux-";
constexpr const char* kMakeImages = "run 'make images' (images/build.sh) to make kernel and images";

// Calls visit(entry) for every entry; a directory that does not exist has none.
template <class Visit>
Result<void> for_each_entry(const Path& dir, Visit visit) {
  std::error_code error;
  fs::directory_iterator entries(dir, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  for (const fs::directory_iterator end; !error && entries != end; entries.increment(error)) {
    visit(*entries);
  }
  if (error) return base::fail_errno(error.value(), concat("cannot list ", dir.native()));
  return {};
}

bool is_file(const Path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}
bool is_directory(const fs::directory_entry& entry) {
  std::error_code error;
  return fs::is_directory(entry.symlink_status(error));
}

// The directories in `dir` whose names are Names and that `wanted` accepts, sorted.
template <class Wanted>
Result<std::vector<Name>> list_named_dirs(const Path& dir, Wanted wanted) {
  std::vector<Name> names;
  WRENN_TRY(for_each_entry(dir, [&](const fs::directory_entry& entry) {
    auto name = Name::parse("name", entry.path().filename().native());
    if (name && is_directory(entry) && wanted(entry.path())) names.push_back(*std::move(name));
  }));
  std::ranges::sort(names);
  return names;
}

Result<void> make_dir_with_mode(const Path& path, mode_t mode) {
  WRENN_TRY(base::make_dirs(path));
  // Not left to the umask: who may look into these directories is part of the security model.
  if (::chmod(path.c_str(), mode) != 0) {
    return base::fail_errno(errno, concat("cannot set the mode of ", path.native()));
  }
  return {};
}

std::size_t sweep_dir(const Path& dir) {
  std::size_t removed = 0;
  auto listed = for_each_entry(dir, [&](const fs::directory_entry& entry) {
    if (!is_temporary_name(entry.path().filename().native())) {
      if (is_directory(entry)) removed += sweep_dir(entry.path());
      return;
    }
    if (auto gone = base::remove_tree(entry.path()); gone) {
      ++removed;
    } else {
      base::log_warn("a temporary stays behind", {{"error", gone.error()}});
    }
  });
  if (!listed) base::log_warn("cannot sweep temporaries", {{"error", listed.error()}});
  return removed;
}

}  // namespace

Layout::Layout(const Path& root) : root_(fs::absolute(root).lexically_normal()) {
  if (!root_.has_filename()) root_ = root_.parent_path();
}

Path Layout::image_rootfs(const Name& template_name) const {
  return image_dir(template_name) / kRootfsFile;
}
Path Layout::template_dir(const Name& template_name) const {
  return snapshots_dir() / template_name.text();
}
Path Layout::snapshot_dir(const Name& template_name, const Name& shape) const {
  return template_dir(template_name) / shape.text();
}
Path Layout::snapshot_manifest(const Name& template_name, const Name& shape) const {
  return snapshot_dir(template_name, shape) / kManifestFile;
}

Result<void> Layout::create() const {
  WRENN_TRY(base::make_dirs(root_));
  for (const auto& dir : {kernels_dir(), images_dir(), snapshots_dir()}) {
    WRENN_TRY(base::make_dirs(dir));
  }
  for (const auto& dir : {sandboxes_dir(), run_dir()}) WRENN_TRY(make_dir_with_mode(dir, 0711));
  return make_dir_with_mode(control_dir(), 0700);
}

Result<Kernel> Layout::newest_kernel() const {
  std::optional<std::pair<base::Semver, std::string>> newest;
  std::string without_initramfs;
  WRENN_TRY(for_each_entry(kernels_dir(), [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().native();
    if (!name.starts_with(kKernelPrefix) || !is_file(entry.path())) return;
    const std::string text = name.substr(kKernelPrefix.size());
    auto version = base::Semver::parse(text);
    if (!version) return;
    if (!is_file(kernels_dir() / concat("initramfs-", text))) {
      without_initramfs = name;
      return;
    }
    if (!newest || newest->first < *version) newest.emplace(*std::move(version), text);
  }));
  if (newest) return kernel(newest->second);

  const Kernel plain{"", kernels_dir() / "vmlinux", kernels_dir() / "initramfs"};
  const bool plain_ok = is_file(plain.image) && is_file(plain.initramfs);
  if (plain_ok && without_initramfs.empty()) return plain;
  if (!plain_ok && is_file(plain.image)) without_initramfs = "vmlinux";
  if (!without_initramfs.empty()) {
    return base::fail(
        Code::kFailedPrecondition,
        concat("kernel ", without_initramfs, " in ", kernels_dir().native(), " has no initramfs"),
        kMakeImages);
  }
  return base::fail(Code::kFailedPrecondition,
                    concat("there is no guest kernel in ", kernels_dir().native()), kMakeImages);
}

Result<Kernel> Layout::kernel(std::string_view version) const {
  if (!version.empty() && !base::Semver::parse(version)) {
    return base::fail(Code::kInvalidArgument, "invalid kernel version");
  }
  const std::string suffix = version.empty() ? "" : concat("-", version);
  Kernel found{std::string(version), kernels_dir() / concat("vmlinux", suffix),
               kernels_dir() / concat("initramfs", suffix)};
  for (const auto& path : {found.image, found.initramfs}) {
    if (!is_file(path)) {
      return base::fail(Code::kNotFound, concat(path.native(), " is missing"), kMakeImages);
    }
  }
  return found;
}

Result<std::vector<Name>> Layout::list_templates() const {
  return list_named_dirs(images_dir(), [](const Path& dir) { return is_file(dir / kRootfsFile); });
}
Result<std::vector<Name>> Layout::list_sandboxes() const {
  return list_named_dirs(sandboxes_dir(), [](const Path&) { return true; });
}
Result<std::vector<Name>> Layout::list_snapshot_templates() const {
  return list_named_dirs(snapshots_dir(), [](const Path&) { return true; });
}
Result<std::vector<Name>> Layout::list_snapshots(const Name& template_name) const {
  return list_named_dirs(template_dir(template_name), [](const Path&) { return true; });
}

Result<std::size_t> sweep_temporaries(const Path& dir) {
  // The root itself must be listable; deeper down one bad directory does not stop the rest.
  WRENN_TRY(for_each_entry(dir, [](const fs::directory_entry&) {}));
  return sweep_dir(dir);
}

}  // namespace wrenn::storage
