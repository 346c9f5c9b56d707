// WatchService: the calls of filesystem.Filesystem that tell what happens below a directory.
#pragma once

#include "connect/router.h"
#include "envd/actor.h"
#include "envd/watch/watcher_table.h"

namespace wrenn::envd {

// For one loop. stop() must be awaited before destruction.
class WatchService {
 public:
  WatchService(net::Loop& loop, const GuestSettings& settings, net::BlockingPool& pool)
      : settings_(settings), pool_(pool), watchers_(loop, pool) {}

  void add_to(connect::Router& router);
  net::Task<void> stop() { return watchers_.stop(); }

 private:
  template <class T>
  using Reply = net::Task<base::Result<T>>;

  Reply<void> watch_dir(connect::CallContext& context, const filesystem::WatchDirRequest& request,
                        connect::StreamWriter<filesystem::WatchDirResponse>& out);
  Reply<filesystem::CreateWatcherResponse> create(connect::CallContext& context,
                                                  const filesystem::CreateWatcherRequest& request);
  Reply<filesystem::GetWatcherEventsResponse> get_events(
      connect::CallContext& context, const filesystem::GetWatcherEventsRequest& request);
  Reply<filesystem::RemoveWatcherResponse> remove(connect::CallContext& context,
                                                  const filesystem::RemoveWatcherRequest& request);

  const GuestSettings& settings_;
  net::BlockingPool& pool_;
  WatcherTable watchers_;
};

}  // namespace wrenn::envd
