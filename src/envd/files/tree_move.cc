#include "envd/files/tree_move.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "envd/files/file_entry.h"
#include "envd/files/tree_copy.h"
#include "envd/files/tree_remove.h"

namespace wrenn::envd {
namespace {

using base::Path;
using base::Result;

base::Error cannot_move(int error, const Path& destination) {
  return base::errno_error(error, base::concat("cannot move to ", to_text(destination.native())));
}

}  // namespace

Result<void> move_entry(const Path& source, const Path& destination, const StopFlag& stop) {
  if (::rename(source.c_str(), destination.c_str()) == 0) return {};
  if (errno == EXDEV) return move_by_copy(source, destination, stop);
  if (errno == EINVAL) {
    return base::fail(base::Code::kInvalidArgument, "a directory cannot be moved into itself");
  }
  return base::fail(cannot_move(errno, destination));
}

Result<void> move_by_copy(const Path& source, const Path& destination, const StopFlag& stop) {
  const Path copy =
      destination.parent_path() / base::concat(".moved-", base::to_hex(base::random_bytes(8)));
  auto copied = copy_entry(AT_FDCWD, source.native(), AT_FDCWD, copy.native(), stop);
  if (copied && ::rename(copy.c_str(), destination.c_str()) != 0) {
    copied = base::fail(cannot_move(errno, destination));
  }
  if (!copied) {
    // Also when stopped: half a copy is of no use to anybody.
    if (const auto removed = remove_entry(copy, StopFlag()); !removed) {
      base::log_warn("half a copy stays behind", {{"error", removed.error()}});
    }
    return copied;
  }
  auto removed = remove_entry(source, StopFlag());
  if (removed) return {};
  return base::fail(std::move(removed).error().with_context(
      base::concat("all of it is now at ", to_text(destination.native()),
                   ", but the source cannot be removed")));
}

}  // namespace wrenn::envd
