#include "envd/watch/watch_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "envd/files/directory.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;

// IN_MASK_ADD: directories that are watched already are watched again while things happen in them.
// Without it the kernel clears their mask for a moment, and what happens then is never told.
constexpr std::uint32_t kMask = IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_DELETE_SELF |
                                IN_MOVED_FROM | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR |
                                IN_MASK_ADD;
constexpr std::size_t kReadBytes = 64 * 1024;

constexpr std::size_t kHeadBytes = sizeof(inotify_event);

std::string join(const std::string& directory, const std::string& child) {
  return directory.empty() ? child : base::concat(directory, "/", child);
}

base::Error cannot_watch(int error, const std::string& path) {
  if (error == ENOSPC) {
    return {Code::kResourceExhausted, "the kernel has no file watches left",
            "raise fs.inotify.max_user_watches, or watch a smaller tree"};
  }
  if (error == ENOTDIR) {
    return {Code::kInvalidArgument, base::concat(to_text(path), " is not a directory")};
  }
  return base::errno_error(error, base::concat("cannot watch ", to_text(path)));
}

}  // namespace

bool WatchTree::Event::is_about_directory(std::uint32_t kinds) const {
  return (mask & IN_ISDIR) != 0 && (mask & kinds) != 0;
}

std::optional<WatchTree::Event> WatchTree::event_at(std::size_t at) const {
  if (buffer_.size() - at < kHeadBytes) return std::nullopt;
  inotify_event head;
  std::memcpy(&head, buffer_.data() + at, kHeadBytes);
  at += kHeadBytes;
  if (buffer_.size() - at < head.len) return std::nullopt;
  // The name is padded with zeros.
  const std::string name(buffer_.data() + at, ::strnlen(buffer_.data() + at, head.len));
  return Event{head.wd, head.mask, head.cookie, name, at + head.len};
}

Result<void> WatchTree::start(WatchEvents& out, const StopFlag& stop) {
  const int watch = add_watch("");
  if (watch < 0) return base::fail(cannot_watch(errno, top_));
  remember("", watch);
  if (depth_ == WatchDepth::kRecursive) adopt("", {out, stop, Report::kNo, Known::kWalk});
  return stop.check();
}

Result<bool> WatchTree::read() {
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  ssize_t n = 0;
  do {
    n = ::read(inotify_, buffer_.data() + size, kReadBytes);
  } while (n < 0 && errno == EINTR);
  buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (n >= 0 || errno == EAGAIN) return !buffer_.empty();
  return base::fail_errno(errno, "cannot read file events");
}

bool WatchTree::needs_walk() const {
  if (depth_ == WatchDepth::kTopOnly) return false;
  for (auto event = event_at(0); event; event = event_at(event->next)) {
    const bool is_overflow = (event->mask & IN_Q_OVERFLOW) != 0;
    if (is_overflow || event->is_about_directory(IN_CREATE | IN_MOVED_TO)) return true;
  }
  return false;
}

void WatchTree::process(WatchEvents& out, const StopFlag& stop) {
  at_ = 0;
  while (const auto event = event_at(at_)) {
    if (ended_ || stop.is_set()) break;
    at_ = event->next;
    handle(*event, out, stop);
  }
  // Idle watchers keep no memory for events.
  buffer_ = {};
  at_ = 0;
  // What the kernel had queued when it was told by a walk has been seen by now.
  if (!kernel_has_more()) told_.clear();
}

void WatchTree::handle(const Event& event, WatchEvents& out, const StopFlag& stop) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return start_over(out, stop);
  const auto watch = watches_.find(event.watch);
  if (watch == watches_.end()) return;
  const std::string directory = watch->second.name->first;
  if (event.name.empty()) return handle_self(event, directory, out);

  const std::string name = join(directory, event.name);
  const bool is_recursive = depth_ == WatchDepth::kRecursive;
  if (is_recursive && event.is_about_directory(IN_MOVED_FROM)) {
    handle_departure(name, event.cookie);
  }
  const bool was_told = told_.erase(name) != 0 && (event.mask & IN_CREATE) != 0;
  if (const auto type = event_type(event.mask); type && !was_told) out.add(name, *type);
  if (is_recursive && event.is_about_directory(IN_CREATE | IN_MOVED_TO)) {
    const bool is_moved = (event.mask & IN_MOVED_TO) != 0;
    adopt(name, {out, stop, Report::kYes, is_moved ? Known::kWalk : Known::kSkip});
  }
}

// Directories below the top are told of by the one they are in.
void WatchTree::handle_self(const Event& event, const std::string& directory, WatchEvents& out) {
  if (directory.empty()) {
    if (const auto type = event_type(event.mask)) out.add(".", *type);
    ended_ = (event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) != 0;
  }
  if ((event.mask & IN_IGNORED) != 0) drop(event.watch);
}

void WatchTree::handle_departure(const std::string& name, std::uint32_t cookie) {
  const auto known = names_.find(name);
  if (known == names_.end()) return;
  const auto arrival = find_arrival(cookie);
  if (!arrival) return forget(name);
  // By now the name may stand for a directory that was made after this move.
  const int watch = add_watch(*arrival);
  if (watch < 0 || watch == known->second) rename(name, *arrival);
}

// Events were lost, and with them word of directories that came and went.
void WatchTree::start_over(WatchEvents& out, const StopFlag& stop) {
  if (depth_ == WatchDepth::kRecursive) {
    ++walk_;
    adopt("", {out, stop, Report::kNo, Known::kWalk});
    std::vector<int> gone;
    for (const auto& [number, watch] : watches_) {
      if (watch.walk != walk_ && !watch.name->first.empty()) gone.push_back(number);
    }
    for (const int number : gone) drop(number);
  }
  // Told last: who looks at the tree now misses nothing of what comes.
  out.add_overflow();
}

// What is watched and what is listed is one directory, whichever has its name a moment later: one
// that was watched and not listed would be taken for known, and what it had for told.
void WatchTree::adopt(const std::string& name, const Walk& walk) {
  if (walk.stop.is_set()) return;
  const auto follow = name.empty() ? Follow::kYes : Follow::kNo;
  const auto directory = open_directory(AT_FDCWD, path_of(name), follow);
  if (!directory) {
    const bool is_gone = directory.error().code == Code::kNotFound ||
                         directory.error().code == Code::kInvalidArgument;
    if (!is_gone) walk.out.add_overflow();
    return;
  }
  const std::string opened = base::concat("/proc/self/fd/", directory->get());
  const int watch = ::inotify_add_watch(inotify_, opened.c_str(), kMask);
  if (watch < 0) return walk.out.add_overflow();
  const bool is_new = remember(name, watch);
  if (is_new || walk.known == Known::kWalk) walk_children(name, *directory, walk, is_new);
}

void WatchTree::walk_children(const std::string& name, const base::Fd& directory, const Walk& walk,
                              bool is_new) {
  const auto children = read_children(directory);
  if (!children) return;
  if (children->size() == kMaxChildren) walk.out.add_overflow();
  for (const Child& child : *children) {
    const std::string full = join(name, child.name);
    const bool is_told = is_new && walk.report == Report::kYes;
    if (is_told && walk.out.add(full, filesystem::EVENT_TYPE_CREATE)) told_.insert(full);
    if (child.type == DT_DIR || child.type == DT_UNKNOWN) adopt(full, walk);
  }
}

int WatchTree::add_watch(const std::string& name) const {
  const std::uint32_t mask = kMask | (name.empty() ? 0 : IN_DONT_FOLLOW);
  return ::inotify_add_watch(inotify_, path_of(name).c_str(), mask);
}

// True when the directory was not watched before; a known one is from now on called `name`.
bool WatchTree::remember(const std::string& name, int watch) {
  const auto known = watches_.find(watch);
  if (known != watches_.end()) {
    known->second.walk = walk_;
    const std::string old_name = known->second.name->first;
    if (old_name != name && !old_name.empty()) rename(old_name, name);
    return false;
  }
  forget(name);
  const auto entry = names_.emplace(name, watch).first;
  watches_.emplace(watch, Watch{entry, walk_});
  return true;
}

// With all that is below it.
void WatchTree::rename(const std::string& from, const std::string& to) {
  if (from == to) return;
  std::vector<std::pair<std::string, int>> moved;
  const auto take = [&](Names::iterator first, Names::iterator last) {
    for (auto entry = first; entry != last; ++entry) {
      moved.emplace_back(to + entry->first.substr(from.size()), entry->second);
    }
    names_.erase(first, last);
  };
  if (const auto entry = names_.find(from); entry != names_.end()) take(entry, std::next(entry));
  // '0' follows '/': these are the names that begin with "from/".
  take(names_.lower_bound(from + "/"), names_.lower_bound(from + "0"));
  forget(to);
  for (auto& [name, watch] : moved) {
    watches_.at(watch).name = names_.insert_or_assign(std::move(name), watch).first;
  }
}

void WatchTree::forget(const std::string& name) {
  std::vector<int> gone;
  if (const auto entry = names_.find(name); entry != names_.end()) gone.push_back(entry->second);
  const auto last = names_.lower_bound(name + "0");
  for (auto entry = names_.lower_bound(name + "/"); entry != last; ++entry) {
    gone.push_back(entry->second);
  }
  for (const int watch : gone) drop(watch);
}

void WatchTree::drop(int watch) {
  const auto known = watches_.find(watch);
  if (known == watches_.end()) return;
  names_.erase(known->second.name);
  watches_.erase(known);
  // Fails when the kernel has dropped it itself.
  ::inotify_rm_watch(inotify_, watch);
}

// Where the directory went that is leaving under this cookie: the kernel tells both halves of a
// move one right behind the other. One that arrives nowhere has left the tree.
std::optional<std::string> WatchTree::find_arrival(std::uint32_t cookie) {
  if (auto found = arrival_in_buffer(cookie)) return found;
  if (!read()) return std::nullopt;
  return arrival_in_buffer(cookie);
}

std::optional<std::string> WatchTree::arrival_in_buffer(std::uint32_t cookie) const {
  for (auto event = event_at(at_); event; event = event_at(event->next)) {
    if ((event->mask & IN_MOVED_TO) == 0 || event->cookie != cookie) continue;
    const auto watch = watches_.find(event->watch);
    if (watch == watches_.end()) return std::nullopt;
    return join(watch->second.name->first, event->name);
  }
  return std::nullopt;
}

bool WatchTree::kernel_has_more() const {
  int bytes = 0;
  return ::ioctl(inotify_, FIONREAD, &bytes) != 0 || bytes > 0;
}

std::string WatchTree::path_of(const std::string& name) const {
  return name.empty() ? top_ : base::concat(top_, "/", name);
}

}  // namespace wrenn::envd
