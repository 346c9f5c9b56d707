#include "envd/watcher_table.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;
using net::Task;

// What is collected may be collected on a thread of the pool, so it is not the queue that callers
// take from meanwhile.
Task<Result<void>> follow_events(DirWatch& watch, WatchEvents& events, WatchEvents::Limits limits) {
  WatchEvents fresh(limits);
  while (!watch.ended()) {
    WRENN_CO_TRY(co_await watch.wait());
    WRENN_CO_TRY(co_await watch.collect(fresh));
    events.add(fresh.take());
  }
  co_return {};
}

}  // namespace

WatcherTable::WatcherTable(net::Loop& loop, net::BlockingPool& pool, WatcherLimits limits)
    : pool_(pool), limits_(limits), expiry_(loop, [this] { expire(); }), scope_(loop) {}

WatcherTable::Reply<std::string> WatcherTable::add(WatchOptions options) {
  if (watchers_.size() + starting_ >= limits_.watchers) {
    co_return base::fail(Code::kResourceExhausted,
                         base::concat("there are ", limits_.watchers, " watchers already"),
                         "remove those that are not needed");
  }
  auto watcher = std::make_shared<Watcher>(limits_.queue);
  ++starting_;
  auto watch = co_await DirWatch::create(pool_, std::move(options), watcher->events);
  --starting_;
  if (!watch) co_return base::fail(std::move(watch).error());
  watcher->watch = std::move(*watch);
  watcher->asked = base::steady_now();
  std::string id = base::to_hex(base::random_bytes(16));
  scope_.spawn(follow(watcher, limits_.queue));
  if (watchers_.empty()) expiry_.start(limits_.lifetime);
  watchers_.emplace(id, std::move(watcher));
  co_return id;
}

Task<void> WatcherTable::follow(WatcherPtr watcher, WatchEvents::Limits limits) {
  const auto followed = co_await net::with_stop_also(
      watcher->stop.token(), follow_events(*watcher->watch, watcher->events, limits));
  if (followed || followed.error().code == Code::kCanceled) co_return;
  base::log_warn("a watcher has failed", {{"error", followed.error()}});
  watcher->events.add_overflow();
}

WatcherTable::Reply<filesystem::GetWatcherEventsResponse> WatcherTable::take_events(
    std::string id) {
  WRENN_CO_TRY_ASSIGN(const WatcherPtr watcher, find(id));
  watcher->asked = base::steady_now();
  WatchEvents::Batch batch = watcher->events.take();
  auto messages = co_await watcher->watch->to_messages(std::move(batch.events));
  if (!messages) {
    watcher->events.add_overflow();
    co_return base::fail(std::move(messages).error());
  }
  filesystem::GetWatcherEventsResponse response;
  for (auto& message : *messages) *response.add_events() = std::move(message);
  response.set_overflow(batch.overflow);
  co_return response;
}

Result<void> WatcherTable::remove(std::string_view id) {
  WRENN_TRY_ASSIGN(const WatcherPtr watcher, find(id));
  watcher->stop.request_stop();
  watchers_.erase(watchers_.find(id));
  if (watchers_.empty()) expiry_.cancel();
  return {};
}

Result<WatcherTable::WatcherPtr> WatcherTable::find(std::string_view id) {
  const auto watcher = watchers_.find(id);
  if (watcher != watchers_.end()) return watcher->second;
  return base::fail(Code::kNotFound, base::concat("there is no watcher ", id),
                    "make a new one: they are removed when nobody asks for 10 minutes");
}

void WatcherTable::expire() {
  const base::SteadyTime now = base::steady_now();
  base::SteadyTime oldest = now;
  std::erase_if(watchers_, [&](const auto& entry) {
    const bool is_old = now - entry.second->asked >= limits_.lifetime;
    if (is_old) entry.second->stop.request_stop();
    if (!is_old) oldest = std::min(oldest, entry.second->asked);
    return is_old;
  });
  if (!watchers_.empty()) expiry_.start(oldest + limits_.lifetime - now);
}

Task<void> WatcherTable::stop() {
  expiry_.cancel();
  scope_.request_stop();
  co_await scope_.join();
  watchers_.clear();
}

}  // namespace wrenn::envd
