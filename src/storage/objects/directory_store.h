// DirectoryStore: objects as files of a directory that several hosts share, such as an NFS mount.
#pragma once

#include "storage/objects/object_store.h"

namespace wrenn::storage {

class DirectoryStore final : public ObjectStore {
 public:
  // `root` itself stays, whatever is removed; a slash at its end means nothing.
  explicit DirectoryStore(const base::Path& root)
      : root_(root.has_filename() ? root : root.parent_path()) {}

  base::Result<void> put(const std::string& key, int fd, std::uint64_t size) override;
  base::Result<void> get(const std::string& key, int fd, std::uint64_t max) override;
  base::Result<bool> exists(const std::string& key) override;
  base::Result<void> remove(const std::string& key) override;
  base::Result<std::vector<std::string>> list(const std::string& prefix) override;

 private:
  const base::Path root_;
};

}  // namespace wrenn::storage
