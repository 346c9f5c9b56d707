// ContextStore: the files that builds copy from, as the tar archives in which clients send them.
//
// Each lies under the SHA-256 of its bytes, apart for each team, so that nobody gets at the files
// of another team by knowing their digest. Blocking and thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/files.h"
#include "base/time.h"
#include "recipe/context_archive.h"
#include "recipe/copy_sources.h"
#include "recipe/tar_writer.h"

namespace wrenn::control {

inline constexpr std::uint64_t kMaxContextBytes = std::uint64_t{1} << 30;      // Of an archive.
inline constexpr std::uint64_t kMaxTeamContextBytes = std::uint64_t{4} << 30;  // Of all of a team.

// What is in an archive.
struct ContextIndex {
  std::vector<recipe::ContextEntry> entries;
  std::vector<std::string> digests;  // The SHA-256 of each entry that is a file.
};

// What the recipient of copied files is to see.
struct CopyLook {
  recipe::TarOwner owner;
  std::optional<std::uint32_t> mode;  // Of files and directories, in place of their own.
};

class ContextStore {
 public:
  explicit ContextStore(base::Path root) : root_(std::move(root)) {}

  // Its size, when the team has sent it. It counts as used just now.
  base::Result<std::optional<std::uint64_t>> find(std::string_view team_id,
                                                  std::string_view digest) const;
  // kNotFound with what to do.
  base::Result<base::Fd> open(std::string_view team_id, std::string_view digest) const;

  // An archive on its way in. What is not finished is gone with it.
  class Upload {
   public:
    Upload(Upload&& other) noexcept
        : file_(std::move(other.file_)),
          temporary_(std::exchange(other.temporary_, {})),
          directory_(std::move(other.directory_)),
          digest_(std::move(other.digest_)),
          hash_(std::move(other.hash_)),
          size_(other.size_) {}
    Upload& operator=(Upload&&) = delete;
    ~Upload();
    // kResourceExhausted past kMaxContextBytes.
    base::Result<void> write(std::string_view bytes);
    // kInvalidArgument when it is not the one of that digest, or no archive that builds can use.
    base::Result<std::uint64_t> finish();
    // Of one that is finished.
    const std::string& digest() const { return digest_; }

   private:
    friend class ContextStore;
    Upload() = default;
    base::Fd file_;
    base::Path temporary_;
    base::Path directory_;
    std::string digest_;
    base::Sha256 hash_;
    std::uint64_t size_ = 0;
  };
  // `digest`: empty, when it is found out at the end. kResourceExhausted while the team has
  // kMaxTeamContextBytes here.
  base::Result<Upload> begin(std::string_view team_id, std::string_view digest) const;

  // Removes what no build has used since then; returns how many.
  base::Result<std::size_t> forget(std::int64_t before_unix_ms) const;
  // A file without a name, for what is only needed for a while.
  base::Result<base::Fd> scratch_file() const;

 private:
  base::Path path_of(std::string_view team_id, std::string_view digest) const;

  base::Path root_;
};

// Reads the archive from its beginning. kInvalidArgument for one that is not well-formed.
base::Result<ContextIndex> read_context(int fd);
// Writes what is in one file of it.
base::Result<void> copy_content(int from, const recipe::ContextEntry& entry, int to);
// Writes an archive of these entries of the one in `from`, under the paths they are placed at.
base::Result<void> write_copy(int from, const ContextIndex& index,
                              const std::vector<recipe::PlacedEntry>& placed, const CopyLook& look,
                              int to);

}  // namespace wrenn::control
