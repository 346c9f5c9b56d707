// The files that a build copies from: what of a directory goes along, and the archive in which it
// does. The same files make the same archive, byte for byte, whoever has them and wherever.
// Blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "base/result.h"
#include "recipe/context_archive.h"
#include "recipe/ignore_file.h"

namespace wrenn::cli {

// Of an archive, as the API has it.
inline constexpr std::uint64_t kMaxContext = std::uint64_t{1} << 30;

struct ContextListing {
  // Ordered by path, so that a directory comes before what is in it. No times and no hard links:
  // a file with two names is two files.
  std::vector<recipe::ContextEntry> entries;
  std::size_t files = 0;
  std::uint64_t size = 0;            // Of all files' content.
  std::vector<std::string> skipped;  // Sockets, pipes and devices, which cannot be copied.
};

// FILE.dockerignore beside the build definition or else .dockerignore in the directory, as Docker
// looks for it; one that ignores nothing when there is neither.
base::Result<recipe::IgnoreFile> read_ignore_file(const base::Path& directory,
                                                  const base::Path& definition);

// Links are not followed. An error names the file, and says what to do; kResourceExhausted for more
// than a build takes.
base::Result<ContextListing> list_context(const base::Path& directory,
                                          const recipe::IgnoreFile& ignore);

struct ContextArchive {
  base::Fd file;  // Has no name, and is read from its beginning.
  std::uint64_t size = 0;
  std::string digest;  // SHA-256 of all of it, in hexadecimal.
};
// `on_progress` gets the bytes of files that were read so far. kAborted when a file changes
// meanwhile.
base::Result<ContextArchive> pack_context(
    const base::Path& directory, const ContextListing& listing,
    const std::function<void(std::uint64_t bytes)>& on_progress);

}  // namespace wrenn::cli
