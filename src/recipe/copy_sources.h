// Which entries of a context a COPY or an ADD takes, and under which names.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "recipe/build_plan.h"
#include "recipe/cache_key.h"
#include "recipe/context_archive.h"

namespace wrenn::recipe {

struct PlacedEntry {
  std::size_t entry = 0;  // Index into the context. A hard link is named by the file it is.
  // Below the destination; empty: it is the destination itself.
  std::string path;
  bool operator==(const PlacedEntry&) const = default;
};

// What there is in the sandbox at the destination.
enum class Destination { kMissing, kFile, kDirectory };

// Parents come before what is in them, otherwise ordered by path; each path once (of two sources
// with the same file the later one counts). Directories that have no entry are to be made where
// they are needed, as is the destination, even if nothing goes there. `copy` is of a CopyFiles;
// its URLs and inline files are not looked at, but for `others`, their number. `context` is in any
// order, each path once.
//
// kNotFound for a source that matches nothing; kInvalidArgument for one that leads out of the
// context, and for several with a destination that is no directory; kResourceExhausted when more
// than two million entries come together, or wildcards are too much work.
base::Result<std::vector<PlacedEntry>> place_sources(std::span<const ContextEntry> context,
                                                     const Copy& copy, Destination destination,
                                                     std::size_t others = 0);

// What step_key() wants of them. `digests` has the SHA-256 of each entry of the context that is a
// file, at its index.
std::vector<CopiedFile> copied_files(std::span<const ContextEntry> context,
                                     std::span<const PlacedEntry> placed,
                                     std::span<const std::string> digests, const Copy& copy);

// The name under which an ADD puts what it fetched into a directory. kInvalidArgument for a URL
// that has none.
base::Result<std::string> url_file_name(std::string_view url);

// What an ADD unpacks, by the first bytes of a file: at least 262, if it has so many.
enum class PackedAs { kNothing, kTar, kGzip, kBzip2, kXz, kZstd };
PackedAs packed_as(std::string_view first_bytes);

}  // namespace wrenn::recipe
