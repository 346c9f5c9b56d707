// StagedDir: a directory that appears whole or not at all.
#pragma once

#include "base/files.h"
#include "base/result.h"

namespace wrenn::storage {

// Fill path(), then commit(): everything in it is synced and the directory gets its final name in
// one rename. Without commit() the destructor removes it; after a crash sweep_temporaries does.
// Path names of the staged directory that were stored inside files are wrong after commit().
class StagedDir {
 public:
  // Parents of `target` are created. kAlreadyExists when `target` is there.
  static base::Result<StagedDir> create(const base::Path& target, mode_t mode = 0755);
  StagedDir(StagedDir&& other) noexcept
      : target_(std::move(other.target_)), path_(std::exchange(other.path_, {})) {}
  StagedDir& operator=(StagedDir&&) = delete;
  ~StagedDir();

  const base::Path& path() const { return path_; }
  // kAlreadyExists when somebody else was first; the staged content is removed then.
  base::Result<void> commit();

 private:
  StagedDir(base::Path target, base::Path path)
      : target_(std::move(target)), path_(std::move(path)) {}
  base::Path target_;
  base::Path path_;
};

}  // namespace wrenn::storage
