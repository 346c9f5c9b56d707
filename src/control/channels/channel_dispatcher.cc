#include "control/channels/channel_dispatcher.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

constexpr auto kPeriod = std::chrono::milliseconds(500);
constexpr std::int64_t kTimeoutMs = 10'000;
// Longer than a try takes, with what the database takes.
constexpr std::int64_t kLeaseMs = 60'000;
constexpr std::int64_t kFirstDelayMs = 10'000;
constexpr std::int64_t kMaxDelayMs = 3'600'000;
constexpr std::int64_t kGiveUpMs = 24LL * 3'600'000;
constexpr std::size_t kMaxError = 200;

std::int64_t delay_ms(std::int64_t attempts, double random) {
  const int doublings = static_cast<int>(std::clamp<std::int64_t>(attempts - 1, 0, 16));
  const std::int64_t delay = std::min(kFirstDelayMs << doublings, kMaxDelayMs);
  return delay + static_cast<std::int64_t>(static_cast<double>(delay) * 0.2 * random);
}

// As seconds; a date is taken for none.
std::int64_t asked_delay_ms(const net::WebResponse& response) {
  const auto text = response.headers.find("retry-after");
  const auto seconds = text ? base::parse_int<std::int64_t>(*text) : std::nullopt;
  return std::clamp<std::int64_t>(seconds.value_or(0), 0, kMaxDelayMs / 1000) * 1000;
}

bool can_never_succeed(const Result<net::WebResponse>& answer) {
  if (answer) return answer->status == 410;
  const Code code = answer.error().code;
  return code == Code::kInvalidArgument || code == Code::kPermissionDenied ||
         code == Code::kNotFound || code == Code::kFailedPrecondition || code == Code::kDataLoss;
}

double random_fraction() {
  const std::string bytes = base::random_bytes(2);
  return (static_cast<unsigned char>(bytes[0]) * 256 + static_cast<unsigned char>(bytes[1])) /
         65536.0;
}

}  // namespace

db::Attempt judge_attempt(const db::Delivery& delivery, const Result<net::WebResponse>& answer,
                          std::int64_t now, double random) {
  db::Attempt attempt;
  if (answer) attempt.response_status = answer->status;
  if (answer && answer->status >= 200 && answer->status < 300) {
    attempt.status = db::DeliveryStatus::kDelivered;
    return attempt;
  }
  attempt.error = answer ? concat("the receiver answered ", answer->status)
                         : answer.error().message.substr(0, kMaxError);
  attempt.next_at =
      now + std::max(delay_ms(delivery.attempts, random), answer ? asked_delay_ms(*answer) : 0);
  if (can_never_succeed(answer) || attempt.next_at > delivery.created_at + kGiveUpMs)
    attempt.status = db::DeliveryStatus::kFailed;
  return attempt;
}

ChannelDispatcher::ChannelDispatcher(db::ChannelStore& store, net::BlockingPool& database_pool,
                                     net::Destinations destinations)
    : store_(store),
      database_pool_(database_pool),
      destinations_(destinations),
      client_({.destinations = destinations,
               .timeout = std::chrono::milliseconds(kTimeoutMs),
               .max_body = 4096}) {}

Task<void> ChannelDispatcher::run() {
  const net::Context context = co_await net::current_context();
  net::TaskScope scope(*context.loop);
  bool is_failing = false;
  while (co_await net::sleep_for(kPeriod)) {
    const auto started = co_await start_due(scope);
    if (!started && !is_failing && started.error().code != Code::kCanceled) {
      base::log_warn("channels are told later: what they are told cannot be read",
                     {{"error", started.error()}});
    }
    is_failing = !started;
  }
  // What is under way is tried again by whoever comes next.
  stop_.request_stop();
  co_await net::with_stop(net::StopToken(), scope.join());
}

Task<Result<int>> ChannelDispatcher::start_due(net::TaskScope& scope) {
  const int room = kAtOnce - at_work_;
  if (room == 0) co_return 0;
  WRENN_CO_TRY_ASSIGN(auto due,
                      co_await database_pool_.run([&] { return store_.claim(room, kLeaseMs); }));
  for (db::Delivery& delivery : due) {
    ++at_work_;
    scope.spawn(deliver(std::move(delivery)));
  }
  co_return static_cast<int>(due.size());
}

Task<void> ChannelDispatcher::deliver(db::Delivery delivery) {
  const auto answer = co_await pool_.run([&] { return attempt(delivery); });
  --at_work_;
  // It was not the receiver's fault.
  if (!answer && stop_.stop_requested()) co_return;
  const db::Attempt attempt =
      judge_attempt(delivery, answer, base::unix_ms_now(), random_fraction());
  const auto written =
      co_await database_pool_.run([&] { return store_.finish(delivery, attempt); });
  if (attempt.status == db::DeliveryStatus::kFailed) {
    base::log_warn("a channel was not told", {{"channel", delivery.channel_id},
                                              {"delivery", delivery.id},
                                              {"attempts", delivery.attempts},
                                              {"error", attempt.error}});
  }
  if (!written) {
    base::log_warn("a channel is told once more: that it was told could not be noted",
                   {{"channel", delivery.channel_id}, {"error", written.error()}});
  }
}

// On a thread of the pool.
Result<net::WebResponse> ChannelDispatcher::attempt(const db::Delivery& delivery) {
  WRENN_TRY_ASSIGN(const auto found, store_.with_config(delivery.channel_id));
  const auto& [channel, text] = found;
  WRENN_TRY_ASSIGN(const ChannelConfig config, parse_config_text(text));
  WRENN_TRY_ASSIGN(const net::WebRequest request, channel_request(channel.provider, config,
                                                                  {.delivery_id = delivery.id,
                                                                   .event = delivery.event,
                                                                   .payload = delivery.payload,
                                                                   .at = base::unix_ms_now()}));
  return client_.call(request, stop_.get_token());
}

Task<Result<net::WebResponse>> ChannelDispatcher::send_now(std::string provider,
                                                           ChannelConfig config,
                                                           ChannelMessage message) {
  co_return co_await pool_.run([&]() -> Result<net::WebResponse> {
    WRENN_TRY_ASSIGN(const net::WebRequest request, channel_request(provider, config, message));
    return client_.call(request);
  });
}

}  // namespace wrenn::control
