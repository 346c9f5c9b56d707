#include "control/api/events.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/auth.h"
#include "control/services.h"
#include "net/scope.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

// How soon a session that ended, a key that was revoked and a member who left hear no more.
constexpr auto kCheck = std::chrono::seconds(5);
// What says nothing, so that nobody on the way takes the connection for dead.
constexpr auto kSilence = std::chrono::seconds(15);
// For one event to get into the kernel's buffer.
constexpr auto kMaxWrite = std::chrono::seconds(30);
constexpr auto kLastWord = std::chrono::seconds(1);
constexpr std::int64_t kRetrySec = 5;

EventFeed::Hears heard_by(const Caller& caller) {
  const bool is_for_all = caller.scopes.empty() ||
                          std::ranges::find(caller.scopes, "templates:read") != caller.scopes.end();
  return is_for_all ? EventFeed::Hears::kTemplatesToo : EventFeed::Hears::kSandboxes;
}

class EventStream {
 public:
  EventStream(Services& services, Call& call, base::Secret credential)
      : services_(services),
        call_(call),
        credential_(std::move(credential)),
        listener_(services.events, call.team_id(), heard_by(call.caller())) {}

  Task<Answer<void>> run() {
    const net::StopToken closing = services_.events.streams().closing();
    Answer<void> answer =
        co_await net::with_stop_also(closing, net::with_stop_also(listener_.overrun(), listen()));
    if (listener_.is_overrun()) co_return refuse(ApiCode::kClientGone, "it read too slowly");
    if (!closing.stop_requested()) co_return answer;
    (void)co_await net::with_timeout(kLastWord, call_.response().finish());
    co_return {};
  }

 private:
  Task<Answer<void>> listen() {
    API_CO_TRY(co_await write("retry: 1000\n\nevent: ready\ndata: {}\n\n"));
    checked_at_ = base::steady_now();
    while (true) {
      const auto now = base::steady_now();
      const auto until = std::min(checked_at_ + kCheck, wrote_at_ + kSilence);
      const auto event = co_await net::with_timeout(
          std::max<base::Duration>(until - now, base::Duration(0)), listener_.next());
      if (base::steady_now() >= checked_at_ + kCheck && !co_await may_listen()) {
        co_return client_answer(co_await call_.response().finish());
      }
      if (event) {
        API_CO_TRY(co_await write(**event));
      } else if (event.error().code != base::Code::kDeadlineExceeded) {
        co_return std::unexpected(from_client(event.error()));
      } else if (base::steady_now() >= wrote_at_ + kSilence) {
        API_CO_TRY(co_await write(":\n\n"));
      }
    }
  }

  // A database that does not answer says nothing about that, and has no events either.
  Task<bool> may_listen() {
    const auto checked = co_await check_still_admitted(services_, call_, credential_);
    checked_at_ = base::steady_now();
    if (checked || checked.error().code == ApiCode::kDbError ||
        checked.error().code == ApiCode::kDbUnavailable) {
      co_return true;
    }
    base::log_info("a stream of events ends",
                   {{"request", call_.request_id()}, {"reason", checked.error().message}});
    co_return false;
  }

  Task<Answer<void>> write(std::string_view text) {
    auto written = co_await net::with_timeout(kMaxWrite, call_.response().write(text));
    wrote_at_ = base::steady_now();
    co_return client_answer(std::move(written));
  }

  Services& services_;
  Call& call_;
  const base::Secret credential_;
  EventFeed::Listener listener_;
  base::SteadyTime checked_at_;
  base::SteadyTime wrote_at_;
};

}  // namespace

Task<Answer<void>> stream_events(Services& services, Call& call) {
  const auto place = services.events.streams().take(call.team_id());
  if (!place) {
    co_return std::unexpected(
        ApiError{.code = ApiCode::kTooMany,
                 .message = concat("the team has ", EventFeed::kMaxStreamsPerTeam,
                                   " streams of events open here; close one first"),
                 .detail = {},
                 .retry_after_sec = kRetrySec});
  }
  API_CO_TRY_ASSIGN(base::Secret credential, key_of(call.request().headers()));
  API_CO_TRY(client_answer(co_await call.response().start(200, call.headers("text/event-stream"))));
  if (call.request().method() == "HEAD") {
    co_return client_answer(co_await call.response().finish());
  }
  EventStream stream(services, call, std::move(credential));
  co_return co_await until_client_leaves(call, stream.run());
}

}  // namespace wrenn::control
