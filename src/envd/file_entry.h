// What is at a path, as the wire describes it. Blocking.
#pragma once

#include "base/files.h"
#include "base/result.h"
#include "envd/users.h"
#include "proto/filesystem.pb.h"

namespace wrenn::envd {

// kNotFound when nothing is there.
base::Result<filesystem::EntryInfo> describe(const base::Path& path, const UserDatabase& users);

// Makes the missing directories of the path, each owned by the user. kInvalidArgument when a part
// of it is no directory.
base::Result<void> make_owned_dirs(const base::Path& path, const User& owner);

// Names on disk are bytes, text on the wire is UTF-8: other bytes become U+FFFD.
std::string to_text(std::string_view bytes);

}  // namespace wrenn::envd
