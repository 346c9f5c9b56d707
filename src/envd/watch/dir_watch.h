// DirWatch: follows a directory on the loop.
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include "base/files.h"
#include "envd/users.h"
#include "envd/watch/watch_tree.h"
#include "net/blocking.h"
#include "net/loop.h"

namespace wrenn::envd {

enum class NetworkMounts { kRefuse, kAllow };

struct WatchOptions {
  base::Path directory;
  WatchDepth depth = WatchDepth::kTopOnly;
  NetworkMounts network_mounts = NetworkMounts::kRefuse;
  bool include_entry = false;
  std::shared_ptr<UserCache> users = std::make_shared<UserCache>();  // Names of owners in entries.
};

// For one loop. While nothing happens, nothing runs; the watches end with the object.
class DirWatch {
 public:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  // Returns when every watch is in place; what could not be watched is in `first` as an overflow.
  // kNotFound; kInvalidArgument for what is no directory, and for network file systems unless they
  // are allowed; kResourceExhausted when the kernel has no watches left. `pool` must outlive it.
  static Reply<std::unique_ptr<DirWatch>> create(net::BlockingPool& pool, WatchOptions options,
                                                 WatchEvents& first);

  // Until the kernel has something to tell. Stopping it loses nothing.
  net::Task<base::Result<void>> wait();
  // Adds what it tells. Stopping it loses events: only for callers who will not ask again.
  net::Task<base::Result<void>> collect(WatchEvents& out);
  // The directory is gone or elsewhere, which was told as REMOVE or RENAME of ".".
  bool ended() const { return tree_.ended(); }

  // As the wire has them, with entries if they were asked for.
  Reply<std::vector<filesystem::FilesystemEvent>> to_messages(std::vector<WatchEvent> events) const;

 private:
  DirWatch(net::BlockingPool& pool, WatchOptions options, net::IoFd inotify)
      : pool_(pool),
        options_(std::move(options)),
        inotify_(std::move(inotify)),
        tree_(inotify_.get(), options_.directory.native(), options_.depth) {}

  net::BlockingPool& pool_;
  const WatchOptions options_;
  net::IoFd inotify_;
  WatchTree tree_;
};

// By statfs's f_type: the kernel does not tell what other machines or a FUSE program do. Pure.
bool is_network_mount(std::uint64_t file_system_type);

}  // namespace wrenn::envd
