// What clients attach to a file: short texts by key, kept as its extended attributes
// user.e2b.<key>.
#pragma once

#include <map>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "net/headers.h"

namespace wrenn::envd {

using Metadata = std::map<std::string, std::string>;

// From the fields X-Metadata-<key> of an upload; the first of several with the same key counts.
// kInvalidArgument for keys or values that are not printable ASCII, keys longer than 246 bytes, and
// more than 4096 bytes in all. Pure.
base::Result<Metadata> metadata_from_headers(const net::Headers& headers);

// Onto a file that has none yet. kFailedPrecondition when its file system keeps no attributes.
base::Result<void> write_metadata(int fd, const Metadata& metadata);

// Of a file or directory; a symbolic link is followed. Empty where it cannot be read.
Metadata read_metadata(const base::Path& path);

}  // namespace wrenn::envd
