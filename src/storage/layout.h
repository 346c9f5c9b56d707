// Layout: where everything lies under $WRENN_DIR. All calls are blocking and thread-safe.
//
//   kernels/vmlinux-<version>, initramfs-<version>   (or plain vmlinux, initramfs)
//   images/<template>/rootfs.ext4                    the base disk of a template
//   snapshots/<template>/<shape>/                    its memory snapshots ("snapshot": of a
//   sandbox) sandboxes/<id>/                                  one sandbox: its manifest,
//     checkpoints/<n>/                               what it is started from or paused as,
//     vm/                                            and disk and sockets while it runs
//   run/                                             sockets and pid files of our processes
//   control/                                         the database of the control plane
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "storage/name.h"

namespace wrenn::storage {

using base::Path;

struct Kernel {
  std::string version;  // "6.1.170"; empty for a plain `vmlinux`.
  Path image;
  Path initramfs;
};

class Layout {
 public:
  // `root` is made absolute; nothing is created.
  explicit Layout(const Path& root);

  // Creates the directories that are missing. sandboxes/, run/ and control/ are 0711 or stricter:
  // an unprivileged hypervisor can reach its own files by name but list nobody's.
  base::Result<void> create() const;

  const Path& root() const { return root_; }
  Path kernels_dir() const { return root_ / "kernels"; }
  Path images_dir() const { return root_ / "images"; }
  Path sandboxes_dir() const { return root_ / "sandboxes"; }
  Path snapshots_dir() const { return root_ / "snapshots"; }
  Path run_dir() const { return root_ / "run"; }
  Path control_dir() const { return root_ / "control"; }

  Path image_dir(const Name& template_name) const { return images_dir() / template_name.text(); }
  Path image_rootfs(const Name& template_name) const;
  Path sandbox_dir(const Name& id) const { return sandboxes_dir() / id.text(); }
  Path sandbox_manifest(const Name& id) const { return sandbox_dir(id) / "manifest.json"; }
  // What a sandbox is started from, each under its number.
  Path checkpoints_dir(const Name& id) const { return sandbox_dir(id) / "checkpoints"; }
  Path template_dir(const Name& template_name) const;
  // `shape` names what the snapshot was taken with, e.g. "1cpu-512mb".
  Path snapshot_dir(const Name& template_name, const Name& shape) const;
  Path snapshot_manifest(const Name& template_name, const Name& shape) const;

  // The highest version (base::Semver) that has both kernel and initramfs; a plain `vmlinux` with
  // `initramfs` counts only when no versioned kernel exists. kFailedPrecondition with a remedy
  // otherwise.
  base::Result<Kernel> newest_kernel() const;
  // Exactly this version, for what was snapshotted with it; kNotFound with a remedy.
  base::Result<Kernel> kernel(std::string_view version) const;

  // Templates with a base disk, by name. Entries whose names are not Names are skipped.
  base::Result<std::vector<Name>> list_templates() const;
  // Directories under sandboxes/, by name, whatever state their manifest is in.
  base::Result<std::vector<Name>> list_sandboxes() const;
  // Directories under snapshots/, by name.
  base::Result<std::vector<Name>> list_snapshot_templates() const;
  // Directories under snapshots/<template>/, by name: the shapes there are snapshots of.
  base::Result<std::vector<Name>> list_snapshots(const Name& template_name) const;

 private:
  Path root_;
};

// Names of files, for a writer that fills a StagedDir.
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kRootfsFile = "rootfs.ext4";

// Removes every temporary (see is_temporary_name) under `dir`, at any depth, without following
// symbolic links; returns how many. What cannot be removed is logged and skipped. Only for
// start-up, before anything writes there; a missing directory has none.
base::Result<std::size_t> sweep_temporaries(const Path& dir);

}  // namespace wrenn::storage
