// Lists a directory and what is below it. Blocking.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/files.h"
#include "base/result.h"
#include "envd/stop_flag.h"
#include "envd/users.h"
#include "proto/filesystem.pb.h"

namespace wrenn::envd {

// What a reply may hold, in bytes as they are sent: some 200 000 entries. In memory it is about six
// times as large.
inline constexpr std::size_t kMaxListingBytes = 24u << 20;

// Entries by name, each directory's right behind it, `depth` levels of them (at least one). Links
// are followed at the top alone; entries are named by the path that was asked for. What vanishes
// meanwhile is left out. kInvalidArgument when the top is no directory, kResourceExhausted when
// there is more than `max_bytes`, kCanceled when stopped.
base::Result<filesystem::ListDirResponse> list_tree(const base::Path& top, std::uint32_t depth,
                                                    const UserDatabase& users, const StopFlag& stop,
                                                    std::size_t max_bytes = kMaxListingBytes);

}  // namespace wrenn::envd
