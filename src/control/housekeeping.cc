#include "control/housekeeping.h"

#include "base/log.h"
#include "base/time.h"
#include "control/builds/builder.h"
#include "net/scope.h"

namespace wrenn::control {

net::Task<base::Result<void>> forget_old_audit(Services& services,
                                               std::chrono::days audit_retention) {
  if (audit_retention == std::chrono::days::zero()) co_return {};
  // In parts, since nothing else writes meanwhile.
  constexpr std::int64_t kPart = 1000;
  const std::int64_t before =
      base::unix_ms_now() - std::chrono::milliseconds(audit_retention).count();
  std::int64_t forgotten = kPart;
  while (forgotten == kPart) {
    WRENN_CO_TRY_ASSIGN(forgotten, co_await services.database_pool.run([&] {
      return services.audit.store().forget(before, kPart);
    }));
  }
  co_return {};
}

namespace {

constexpr std::int64_t kDeliveriesKeptMs = 7LL * 24 * 3600 * 1000;

net::Task<base::Result<void>> forget_old_deliveries(Services& services) {
  constexpr std::int64_t kPart = 1000;
  const std::int64_t before = base::unix_ms_now() - kDeliveriesKeptMs;
  std::int64_t forgotten = kPart;
  while (forgotten == kPart) {
    WRENN_CO_TRY_ASSIGN(forgotten, co_await services.database_pool.run(
                                       [&] { return services.channels.forget(before, kPart); }));
  }
  co_return {};
}

}  // namespace

net::Task<void> keep_house(Services& services, std::chrono::days audit_retention) {
  constexpr auto kInterval = std::chrono::hours(1);
  do {
    const auto cleared = co_await services.database_pool.run([&]() -> base::Result<void> {
      WRENN_TRY(services.registry.clear_old_tokens());
      return services.accounts.stores().clear_old();
    });
    const auto forgotten = co_await forget_old_audit(services, audit_retention);
    const auto delivered = co_await forget_old_deliveries(services);
    co_await clear_builds(services);
    for (const auto& done : {cleared, forgotten, delivered}) {
      if (done) continue;
      base::log_warn("what is old stays in the database for now", {{"error", done.error()}});
    }
  } while (co_await net::sleep_for(kInterval));
}

net::Task<void> keep_holds(Services& services) {
  constexpr auto kInterval = std::chrono::milliseconds(db::kHoldMs / 4);
  if (services.sandboxes.holder().empty()) co_return;
  while (co_await net::sleep_for(kInterval)) {
    const auto extended =
        co_await services.database_pool.run([&] { return services.sandboxes.extend_holds(); });
    if (!extended && extended.error().code != base::Code::kCanceled) {
      base::log_warn("other control planes may take this one for gone",
                     {{"error", extended.error()}});
    }
  }
  const auto ended = co_await net::with_stop(
      net::StopToken(), services.database_pool.run([&] { return services.sandboxes.end_holds(); }));
  if (!ended) base::log_debug("holds run out by themselves", {{"error", ended.error()}});
}

}  // namespace wrenn::control
