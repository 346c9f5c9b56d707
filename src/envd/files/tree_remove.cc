#include "envd/files/tree_remove.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/crypto.h"
#include "base/strings.h"
#include "envd/files/directory.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Result;

// Levels that are walked at once: each has a descriptor open.
constexpr int kMaxDepth = 64;
// Entries of one directory that are held in memory.
constexpr std::size_t kBatch = 16 * 1024;
// How often a directory is read again that others fill meanwhile.
constexpr int kMaxRounds = 4;

class Remover {
 public:
  explicit Remover(const StopFlag& stop) : stop_(stop) {}

  Result<void> remove(int parent, const std::string& name, int depth);

 private:
  enum class Emptied { kWholly, kPartly };
  Result<Emptied> empty(const base::Fd& directory, int depth);
  Result<void> lift(int parent, const std::string& name);

  const StopFlag& stop_;
  int top_ = -1;
  std::uint64_t lifted_ = 0;
};

base::Error cannot_remove(int error, const std::string& name) {
  return base::errno_error(error, base::concat("cannot remove ", to_text(name)));
}

Result<void> Remover::remove(int parent, const std::string& name, int depth) {
  WRENN_TRY(stop_.check());
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  const int unlink_error = errno;
  if (unlink_error != EISDIR && unlink_error != EPERM) {
    return base::fail(cannot_remove(unlink_error, name));
  }
  for (int rounds = 0;; ++rounds) {
    if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    if (errno == ENOTDIR) return base::fail(cannot_remove(unlink_error, name));
    const bool is_full = errno == ENOTEMPTY || errno == EEXIST;
    if (!is_full || rounds == kMaxRounds) return base::fail(cannot_remove(errno, name));
    if (depth == kMaxDepth) return lift(parent, name);
    WRENN_TRY_ASSIGN(const base::Fd directory, open_directory(parent, name, Follow::kNo));
    if (depth == 0) top_ = directory.get();
    const std::uint64_t lifted = lifted_;
    WRENN_TRY_ASSIGN(const Emptied emptied, empty(directory, depth));
    if (emptied == Emptied::kPartly || lifted_ != lifted) rounds = -1;
  }
}

Result<Remover::Emptied> Remover::empty(const base::Fd& directory, int depth) {
  WRENN_TRY_ASSIGN(const auto children, read_children(directory, kBatch));
  for (const Child& child : children) WRENN_TRY(remove(directory.get(), child.name, depth + 1));
  return children.size() == kBatch ? Emptied::kPartly : Emptied::kWholly;
}

// What lies too deep is moved to the top of the tree that is being removed, and removed from there
// in the next round.
Result<void> Remover::lift(int parent, const std::string& name) {
  const std::string place = base::concat(".removed-", base::to_hex(base::random_bytes(8)));
  if (::renameat(parent, name.c_str(), top_, place.c_str()) != 0 && errno != ENOENT) {
    return base::fail(cannot_remove(errno, name));
  }
  ++lifted_;
  return {};
}

}  // namespace

Result<void> remove_entry(const base::Path& path, const StopFlag& stop) {
  return Remover(stop).remove(AT_FDCWD, path.native(), 0);
}

}  // namespace wrenn::envd
