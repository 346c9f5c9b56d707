#include "hostnet/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>

#include "base/strings.h"

namespace wrenn::hostnet {

using base::concat;

base::Result<void> run_in_thread(const std::function<base::Result<void>()>& work) {
  base::Result<void> result;
  try {
    std::thread([&] { result = work(); }).join();
  } catch (const std::system_error& error) {
    return base::fail_errno(error.code().value(), "starting a thread");
  }
  return result;
}

base::Result<void> run_in_netns(int netns_fd, const std::function<base::Result<void>()>& work) {
  return run_in_thread([&]() -> base::Result<void> {
    if (::setns(netns_fd, CLONE_NEWNET) != 0) {
      return base::fail_errno(errno, "entering a network namespace");
    }
    return work();
  });
}

base::Result<base::Fd> make_netns(const base::Path& path) {
  {
    auto file = base::open_file(path, O_RDONLY | O_CREAT | O_EXCL, 0444);
    if (!file) return base::fail(std::move(file).error());
  }
  const auto made = [&]() -> base::Result<base::Fd> {
    if (::unshare(CLONE_NEWNET) != 0) return base::fail_errno(errno, "making a network namespace");
    constexpr const char* kOwn = "/proc/thread-self/ns/net";
    if (::mount(kOwn, path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return base::fail_errno(errno, concat("pinning ", path.native()));
    }
    return base::open_file(kOwn, O_RDONLY);
  };
  auto netns = made();
  if (!netns) (void)unpin_netns(path);
  return netns;
}

base::Result<base::Fd> open_netns(const base::Path& path) {
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file(path, O_RDONLY));
  struct statfs info{};
  if (::fstatfs(fd.get(), &info) != 0 || info.f_type != NSFS_MAGIC) {
    return base::fail(base::Code::kNotFound, concat("no namespace is pinned at ", path.native()));
  }
  return fd;
}

base::Result<void> unpin_netns(const base::Path& path) {
  // A crash between making the file and mounting leaves a plain file: EINVAL.
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  if (errno != EINVAL && errno != ENOENT) {
    return base::fail_errno(errno, concat("unmounting ", path.native()));
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return base::fail_errno(errno, concat("removing ", path.native()));
  }
  return {};
}

}  // namespace wrenn::hostnet
