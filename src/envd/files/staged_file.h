// StagedFile: a file being written beside its target, which it replaces as a whole or not at all.
#pragma once

#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "envd/files/file_metadata.h"
#include "envd/users.h"

namespace wrenn::envd {

// Blocking, but only as long as the page cache takes. What was not committed is removed at the end.
class StagedFile {
 public:
  // Makes missing parents. An existing file keeps its mode and is otherwise replaced; a symbolic
  // link is followed. kInvalidArgument when a directory or something special is there.
  static base::Result<StagedFile> create(const base::Path& target, const User& owner);
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile();

  // To be called once, before the file is closed.
  base::Result<void> set_metadata(const Metadata& metadata);
  // kResourceExhausted when the disk is full.
  base::Result<void> write(std::string_view bytes);
  // No more will be written; needs no descriptor any more.
  base::Result<void> close();
  base::Result<void> commit();
  // For writing by other means; valid until close().
  int fd() const { return fd_.get(); }
  // The path that was asked for.
  const base::Path& target() const { return target_; }

 private:
  StagedFile(base::Path target, base::Path real_target, base::Path temp, base::Fd fd)
      : target_(std::move(target)),
        real_target_(std::move(real_target)),
        temp_(std::move(temp)),
        fd_(std::move(fd)) {}
  base::Path target_;
  base::Path real_target_;
  base::Path temp_;  // Empty once it is gone.
  base::Fd fd_;
};

}  // namespace wrenn::envd
