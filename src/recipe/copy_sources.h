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
// with the same file the later one counts). `context` is in any order, each path once.
// kNotFound for a source that matches nothing, kInvalidArgument for one that leads out of the
// context, or several sources and a destination that is no directory.
base::Result<std::vector<PlacedEntry>> place_sources(std::span<const ContextEntry> context,
                                                     const Copy& copy, Destination destination);

// What step_key() wants of them. `digests` has the SHA-256 of each entry of the context that is a
// file, at its index.
std::vector<CopiedFile> copied_files(std::span<const ContextEntry> context,
                                     std::span<const PlacedEntry> placed,
                                     std::span<const std::string> digests, const Copy& copy);

}  // namespace wrenn::recipe
