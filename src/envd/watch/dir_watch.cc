#include "envd/watch/dir_watch.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;
using net::Task;

Result<base::Fd> open_inotify() {
  base::Fd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (inotify.valid()) return inotify;
  if (errno != EMFILE && errno != ENFILE) return base::fail_errno(errno, "cannot watch files");
  return base::fail(Code::kResourceExhausted, "there are too many watchers",
                    "end some of them, or raise fs.inotify.max_user_instances");
}

Result<void> check_directory(const WatchOptions& options) {
  struct statfs mount{};
  const std::string& path = options.directory.native();
  if (::statfs(path.c_str(), &mount) != 0) return base::fail_errno(errno, to_text(path));
  // Asked before anything else: a network file system may keep whoever touches it waiting.
  if (options.network_mounts == NetworkMounts::kRefuse &&
      is_network_mount(static_cast<std::uint32_t>(mount.f_type))) {
    return base::fail(Code::kInvalidArgument,
                      base::concat(to_text(path),
                                   " is on a network or FUSE file system, of which "
                                   "the kernel tells only what is done in here"),
                      "set allow_network_mounts to watch it nevertheless");
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return base::fail_errno(errno, to_text(path));
  if (S_ISDIR(info.st_mode)) return {};
  return base::fail(Code::kInvalidArgument, base::concat(to_text(path), " is not a directory"));
}

bool has_entry(filesystem::EventType type) {
  return type == filesystem::EVENT_TYPE_CREATE || type == filesystem::EVENT_TYPE_WRITE ||
         type == filesystem::EVENT_TYPE_CHMOD;
}

std::vector<filesystem::FilesystemEvent> without_entries(const std::vector<WatchEvent>& events) {
  std::vector<filesystem::FilesystemEvent> messages(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    messages[i].set_name(to_text(events[i].name));
    messages[i].set_type(events[i].type);
  }
  return messages;
}

// What is gone by now has none.
Result<std::vector<filesystem::FilesystemEvent>> with_entries(const std::vector<WatchEvent>& events,
                                                              const WatchOptions& options) {
  WRENN_TRY_ASSIGN(const auto users, options.users->get());
  auto messages = without_entries(events);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!has_entry(events[i].type)) continue;
    const bool is_top = events[i].name == ".";
    auto entry = describe(is_top ? options.directory : options.directory / events[i].name, *users);
    if (entry) *messages[i].mutable_entry() = std::move(*entry);
  }
  return messages;
}

}  // namespace

bool is_network_mount(std::uint64_t file_system_type) {
  constexpr std::uint64_t kCifs = 0xff534d42;
  constexpr std::array<std::uint64_t, 5> kTypes = {NFS_SUPER_MAGIC, kCifs, SMB_SUPER_MAGIC,
                                                   SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC};
  return std::ranges::find(kTypes, file_system_type) != kTypes.end();
}

DirWatch::Reply<std::unique_ptr<DirWatch>> DirWatch::create(net::BlockingPool& pool,
                                                            WatchOptions options,
                                                            WatchEvents& first) {
  const net::Context context = co_await net::current_context();
  WRENN_CO_TRY(co_await pool.run([&options] { return check_directory(options); }));
  WRENN_CO_TRY_ASSIGN(base::Fd fd, open_inotify());
  WRENN_CO_TRY_ASSIGN(net::IoFd inotify, net::IoFd::create(*context.loop, std::move(fd)));
  std::unique_ptr<DirWatch> watch(new DirWatch(pool, std::move(options), std::move(inotify)));
  WRENN_CO_TRY(co_await run_stoppable(
      pool, [&watch, &first](const StopFlag& stop) { return watch->tree_.start(first, stop); }));
  co_return watch;
}

Task<Result<void>> DirWatch::wait() {
  while (true) {
    WRENN_CO_TRY_ASSIGN(const bool has_events, tree_.read());
    if (has_events) co_return {};
    if (co_await inotify_.readable() == net::Woken::kStopped) {
      co_return base::fail(net::stopped_error());
    }
  }
}

Task<Result<void>> DirWatch::collect(WatchEvents& out) {
  // A directory in which something happens all the time must not keep the loop for itself.
  if (co_await net::LetOthersRun() == net::Woken::kStopped) {
    co_return base::fail(net::stopped_error());
  }
  if (!tree_.needs_walk()) {
    tree_.process(out, StopFlag());
    co_return {};
  }
  co_return co_await run_stoppable(pool_, [this, &out](const StopFlag& stop) {
    tree_.process(out, stop);
    return stop.check();
  });
}

DirWatch::Reply<std::vector<filesystem::FilesystemEvent>> DirWatch::to_messages(
    std::vector<WatchEvent> events) const {
  if (!options_.include_entry) co_return without_entries(events);
  co_return co_await pool_.run([this, &events] { return with_entries(events, options_); });
}

}  // namespace wrenn::envd
