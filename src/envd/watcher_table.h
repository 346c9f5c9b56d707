// WatcherTable: watchers whose events are asked for call by call.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "envd/dir_watch.h"
#include "net/scope.h"

namespace wrenn::envd {

struct WatcherLimits {
  std::size_t watchers = 64;
  WatchEvents::Limits queue{.events = 4096, .name_bytes = 1u << 20};
  // A watcher nobody has asked for so long is removed.
  base::Duration lifetime = std::chrono::minutes(10);
};

// For one loop. stop() must be awaited before destruction.
class WatcherTable {
 public:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  WatcherTable(net::Loop& loop, net::BlockingPool& pool, WatcherLimits limits = {});

  // The new watcher's id. As DirWatch::create; kResourceExhausted when there are too many.
  Reply<std::string> add(WatchOptions options);
  // What has happened since the last call. After the directory's own end (see DirWatch) nothing
  // more. kNotFound for an unknown id.
  Reply<filesystem::GetWatcherEventsResponse> take_events(std::string id);
  // kNotFound for an unknown id.
  base::Result<void> remove(std::string_view id);
  std::size_t size() const { return watchers_.size(); }

  net::Task<void> stop();

 private:
  struct Watcher {
    explicit Watcher(WatchEvents::Limits limits) : events(limits) {}
    std::unique_ptr<DirWatch> watch;
    WatchEvents events;
    net::StopSource stop;
    base::SteadyTime asked;
  };
  using WatcherPtr = std::shared_ptr<Watcher>;

  static net::Task<void> follow(WatcherPtr watcher, WatchEvents::Limits limits);
  base::Result<WatcherPtr> find(std::string_view id);
  void expire();

  net::BlockingPool& pool_;
  const WatcherLimits limits_;
  // Armed while there are watchers.
  net::Timer expiry_;
  net::TaskScope scope_;
  std::size_t starting_ = 0;
  std::map<std::string, WatcherPtr, std::less<>> watchers_;
};

}  // namespace wrenn::envd
