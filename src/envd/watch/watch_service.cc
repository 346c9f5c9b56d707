#include "envd/watch/watch_service.h"

#include <algorithm>

#include "envd/keepalive.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;
using connect::CallContext;
using net::Task;
using Out = connect::StreamWriter<filesystem::WatchDirResponse>;

// Between two writes to the caller. What does not fit is an overflow; while the caller is slow,
// events stay with the kernel.
constexpr WatchEvents::Limits kBatch{.events = 1u << 16, .name_bytes = 8u << 20};

template <class Request>
Result<WatchOptions> read_options(const GuestSettings& settings, const Actor& actor,
                                  const Request& request) {
  WatchOptions options;
  WRENN_TRY_ASSIGN(options.directory, actor.resolve(request.path()));
  if (request.recursive()) options.depth = WatchDepth::kRecursive;
  if (request.allow_network_mounts()) options.network_mounts = NetworkMounts::kAllow;
  options.include_entry = request.include_entry();
  options.users = settings.users;
  return options;
}

Task<Result<void>> send_batch(const DirWatch& watch, WatchEvents::Batch batch, Out& out) {
  WRENN_CO_TRY_ASSIGN(auto messages, co_await watch.to_messages(std::move(batch.events)));
  filesystem::WatchDirResponse response;
  for (auto& message : messages) {
    *response.mutable_filesystem() = std::move(message);
    WRENN_CO_TRY(co_await out.write(response));
  }
  if (!batch.overflow) co_return {};
  response.mutable_overflow();
  co_return co_await out.write(response);
}

// A sign of life when there was nothing to tell for so long.
Task<Result<void>> wait_for_events(DirWatch& watch, base::SteadyTime last_sent,
                                   base::Duration keepalive, Out& out) {
  while (true) {
    const base::Duration left = last_sent + keepalive - base::steady_now();
    auto waited = co_await net::with_timeout(std::max(left, base::Duration::zero()), watch.wait());
    if (waited || waited.error().code != Code::kDeadlineExceeded) co_return waited;
    filesystem::WatchDirResponse response;
    response.mutable_keepalive();
    WRENN_CO_TRY(co_await out.write(response));
    last_sent = base::steady_now();
  }
}

}  // namespace

void WatchService::add_to(connect::Router& router) {
  router.stream("/filesystem.Filesystem/WatchDir", *this, &WatchService::watch_dir);
  router.unary("/filesystem.Filesystem/CreateWatcher", *this, &WatchService::create);
  router.unary("/filesystem.Filesystem/GetWatcherEvents", *this, &WatchService::get_events);
  router.unary("/filesystem.Filesystem/RemoveWatcher", *this, &WatchService::remove);
}

Task<Result<void>> WatchService::watch_dir(CallContext& context,
                                           const filesystem::WatchDirRequest& request, Out& out) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(WatchOptions options, read_options(settings_, actor, request));
  WRENN_CO_TRY_ASSIGN(const auto keepalive, read_keepalive(context.request_headers));
  WatchEvents events(kBatch);
  WRENN_CO_TRY_ASSIGN(const auto watch,
                      co_await DirWatch::create(pool_, std::move(options), events));
  filesystem::WatchDirResponse start;
  start.mutable_start();
  WRENN_CO_TRY(co_await out.write(start));
  base::SteadyTime last_sent = base::steady_now();
  while (true) {
    if (!events.empty()) {
      WRENN_CO_TRY(co_await send_batch(*watch, events.take(), out));
      last_sent = base::steady_now();
    }
    if (watch->ended()) co_return {};
    WRENN_CO_TRY(co_await wait_for_events(*watch, last_sent, keepalive, out));
    WRENN_CO_TRY(co_await watch->collect(events));
  }
}

Task<Result<filesystem::CreateWatcherResponse>> WatchService::create(
    CallContext& context, const filesystem::CreateWatcherRequest& request) {
  WRENN_CO_TRY_ASSIGN(const Actor actor, find_actor(settings_, context.request_headers));
  WRENN_CO_TRY_ASSIGN(WatchOptions options, read_options(settings_, actor, request));
  filesystem::CreateWatcherResponse response;
  WRENN_CO_TRY_ASSIGN(*response.mutable_watcher_id(), co_await watchers_.add(std::move(options)));
  co_return response;
}

Task<Result<filesystem::GetWatcherEventsResponse>> WatchService::get_events(
    CallContext&, const filesystem::GetWatcherEventsRequest& request) {
  co_return co_await watchers_.take_events(request.watcher_id());
}

Task<Result<filesystem::RemoveWatcherResponse>> WatchService::remove(
    CallContext&, const filesystem::RemoveWatcherRequest& request) {
  WRENN_CO_TRY(watchers_.remove(request.watcher_id()));
  co_return filesystem::RemoveWatcherResponse();
}

}  // namespace wrenn::envd
