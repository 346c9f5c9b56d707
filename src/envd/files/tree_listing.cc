#include "envd/files/tree_listing.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>

#include "base/strings.h"
#include "envd/files/directory.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;

class Lister {
 public:
  Lister(const UserDatabase& users, const StopFlag& stop, std::size_t max_bytes)
      : reader_(users), stop_(stop), max_bytes_(max_bytes) {}

  // `path` is put back as it was.
  Result<void> list(std::string& path, std::uint32_t depth, Follow follow);
  filesystem::ListDirResponse take() { return std::move(response_); }

 private:
  struct Found {
    std::string name;  // The bytes on disk; the entry has them as text.
    std::unique_ptr<filesystem::EntryInfo> entry;
  };
  Result<std::vector<Found>> describe_children(std::string& path, Follow follow);
  Result<void> count(const filesystem::EntryInfo& entry);
  base::Error too_large() const;

  EntryReader reader_;
  const StopFlag& stop_;
  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  filesystem::ListDirResponse response_;
};

// Leaves `path` ending in a slash.
Result<std::vector<Lister::Found>> Lister::describe_children(std::string& path, Follow follow) {
  WRENN_TRY_ASSIGN(const base::Fd directory, open_directory(AT_FDCWD, path, follow));
  WRENN_TRY_ASSIGN(auto children, read_children(directory));
  if (children.size() == kMaxChildren) return base::fail(too_large());
  std::ranges::sort(children, {}, &Child::name);
  std::vector<Found> all;
  all.reserve(children.size());
  if (!path.ends_with('/')) path += '/';
  const std::size_t prefix = path.size();
  for (Child& child : children) {
    WRENN_TRY(stop_.check());
    path.resize(prefix);
    path += child.name;
    auto entry = reader_.read(directory.get(), child.name.c_str(), path);
    if (!entry && entry.error().code == Code::kNotFound) continue;
    if (!entry) return base::fail(std::move(entry).error());
    WRENN_TRY(count(*entry));
    all.push_back(
        {std::move(child.name), std::make_unique<filesystem::EntryInfo>(std::move(*entry))});
  }
  path.resize(prefix);
  return all;
}

Result<void> Lister::count(const filesystem::EntryInfo& entry) {
  bytes_ += entry.ByteSizeLong();
  if (bytes_ <= max_bytes_) return {};
  return base::fail(too_large());
}

base::Error Lister::too_large() const {
  return {Code::kResourceExhausted,
          base::concat("the listing is larger than ", base::human_bytes(max_bytes_)),
          "list a smaller part of the tree, or with less depth"};
}

// A directory is described as a whole before what is below it is looked at, so that one descriptor
// is open at a time, however deep the tree. The recursion ends where paths get too long to be
// named.
Result<void> Lister::list(std::string& path, std::uint32_t depth, Follow follow) {
  const std::size_t length = path.size();
  WRENN_TRY_ASSIGN(auto children, describe_children(path, follow));
  const std::size_t prefix = path.size();
  for (Found& child : children) {
    const bool is_directory = child.entry->type() == filesystem::FILE_TYPE_DIRECTORY &&
                              !child.entry->has_symlink_target();
    response_.mutable_entries()->AddAllocated(child.entry.release());
    if (depth <= 1 || !is_directory) continue;
    path.resize(prefix);
    path += child.name;
    auto listed = list(path, depth - 1, Follow::kNo);
    // It vanished, became something else, or its path is too long.
    const bool is_gone = !listed && (listed.error().code == Code::kNotFound ||
                                     listed.error().code == Code::kInvalidArgument);
    if (!listed && !is_gone) return listed;
  }
  path.resize(length);
  return {};
}

}  // namespace

Result<filesystem::ListDirResponse> list_tree(const base::Path& top, std::uint32_t depth,
                                              const UserDatabase& users, const StopFlag& stop,
                                              std::size_t max_bytes) {
  Lister lister(users, stop, max_bytes);
  std::string path = top.native();
  WRENN_TRY(lister.list(path, depth, Follow::kYes));
  return lister.take();
}

}  // namespace wrenn::envd
