// WatchTree: turns what the kernel's inotify tells about directories into events about the names
// below one of them.
//
// Recursive: a directory that appears is watched first and then read, and what is in it already is
// told as CREATE, so that nothing made in between is lost; what the kernel tells of it once more is
// told once. Directories that move inside the tree keep their watches under their new names.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "envd/stop_flag.h"
#include "envd/watch/watch_event.h"

namespace wrenn::envd {

enum class WatchDepth { kTopOnly, kRecursive };

// Not thread-safe, but no thread is preferred.
class WatchTree {
 public:
  // `inotify`: non-blocking, and open as long as this. `top`: absolute; may be a link.
  WatchTree(int inotify, std::string top, WatchDepth depth)
      : inotify_(inotify), top_(std::move(top)), depth_(depth) {}

  // Watches the directory and all below it. Blocking. kNotFound, kInvalidArgument for what is no
  // directory, kResourceExhausted when the kernel has no watches left for the top; when it has none
  // for a directory below, the overflow is told.
  base::Result<void> start(WatchEvents& out, const StopFlag& stop);

  // Takes what the kernel has; false when there is nothing. Does not block.
  base::Result<bool> read();
  // True when process() will walk directories, which may take its time.
  bool needs_walk() const;
  // Everything that was read. Blocking. When stopped the rest is lost.
  void process(WatchEvents& out, const StopFlag& stop);

  // The watched directory is gone or elsewhere: nothing will be told any more.
  bool ended() const { return ended_; }

 private:
  using Names = std::map<std::string, int>;
  struct Watch {
    Names::iterator name;
    std::uint64_t walk;  // The last one that has met it.
  };
  // What the buffer has at some place; the name is a copy, for the buffer may grow.
  struct Event {
    int watch;
    std::uint32_t mask;
    std::uint32_t cookie;
    std::string name;  // Empty: the watched directory itself.
    std::size_t next;  // Where the next one begins.
    bool is_about_directory(std::uint32_t kinds) const;
  };
  enum class Report { kNo, kYes };
  // Of a directory that is watched already: there may be directories in it that are not when the
  // tree changed faster than it was followed.
  enum class Known { kSkip, kWalk };

  struct Walk {
    WatchEvents& out;
    const StopFlag& stop;
    Report report;
    Known known;
  };

  std::optional<Event> event_at(std::size_t at) const;
  void handle(const Event& event, WatchEvents& out, const StopFlag& stop);
  void handle_self(const Event& event, const std::string& directory, WatchEvents& out);
  void handle_departure(const std::string& name, std::uint32_t cookie);
  void start_over(WatchEvents& out, const StopFlag& stop);

  void adopt(const std::string& name, const Walk& walk);
  void walk_children(const std::string& name, const base::Fd& directory, const Walk& walk,
                     bool is_new);
  int add_watch(const std::string& name) const;
  bool remember(const std::string& name, int watch);
  void rename(const std::string& from, const std::string& to);
  void forget(const std::string& name);
  void drop(int watch);
  std::optional<std::string> find_arrival(std::uint32_t cookie);
  std::optional<std::string> arrival_in_buffer(std::uint32_t cookie) const;
  bool kernel_has_more() const;
  std::string path_of(const std::string& name) const;

  const int inotify_;
  const std::string top_;
  const WatchDepth depth_;
  bool ended_ = false;
  std::uint64_t walk_ = 0;
  // By name relative to the top (the top is ""), and by the kernel's number.
  Names names_;
  std::unordered_map<int, Watch> watches_;
  // Told by a walk; the kernel may be about to tell it, too.
  std::unordered_set<std::string> told_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
};

}  // namespace wrenn::envd
