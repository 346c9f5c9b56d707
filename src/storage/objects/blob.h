// Blob: one file as it lies in object storage: packed in chunks, without what is zero, and sealed
// when there is a key. Its name is a hash of its content, so what is there already is not sent
// again. Blocking; kCanceled soon after a stop is asked for.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::storage {

inline constexpr std::uint64_t kMaxBlobFileBytes = 4ull << 40;

// 64 hexadecimal digits: BLAKE2b over the size and all chunks that are not zero, keyed when there
// is a key. Holes are not read.
base::Result<std::string> blob_name(int file, const base::Secret& key,
                                    const std::stop_token& stop = {});
// Appends the blob of a file. kResourceExhausted on a full disk. How long the blob is.
base::Result<std::uint64_t> write_blob(int file, int blob, const base::Secret& key,
                                       const std::stop_token& stop = {});
// Makes a file of a blob and checks that it is the one of that name and size. Nothing in it is
// trusted. kDataLoss for a blob that is cut, broken, of another key or another file; `file` has
// whatever was read by then.
base::Result<void> read_blob(int blob, int file, const base::Secret& key, const std::string& name,
                             std::uint64_t size);

// The same for a blob that is not known by its name: what it is is as trustworthy as its key.
base::Result<void> read_unnamed_blob(int blob, int file, const base::Secret& key,
                                     std::uint64_t max_size);
// How long the blob of a file of that size is at most.
std::uint64_t most_blob_bytes(std::uint64_t size);

}  // namespace wrenn::storage
