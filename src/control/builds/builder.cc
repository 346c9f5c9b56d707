#include "control/builds/builder.h"

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

constexpr auto kPeriod = std::chrono::milliseconds(250);
// A claim that could not be renewed for so long is somebody else's soon.
constexpr auto kLostAfter = std::chrono::seconds(20);
constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::int64_t kLayersKeptMs = 14 * kDayMs;
constexpr std::int64_t kUntaggedKeptMs = kDayMs;
constexpr std::int64_t kContextsKeptMs = kDayMs;
constexpr std::int64_t kBuildsKeptMs = 90 * kDayMs;

// What a host has under that name; on one that is gone for good it is gone, too.
Task<Result<void>> remove_on_host(Services& services, std::string host_id, std::string name) {
  auto agent = services.directory.agent(host_id);
  if (!agent) co_return base::fail(std::move(agent).error());
  co_return co_await (*agent)->delete_template(std::move(name));
}

Task<Result<void>> clear_layers(Services& services) {
  constexpr int kPart = 100;
  const std::int64_t before = base::unix_ms_now() - kLayersKeptMs;
  WRENN_CO_TRY_ASSIGN(const auto unused, co_await services.database_pool.run([&] {
    return services.layers.list_unused(before, kPart);
  }));
  for (const db::Layer& layer : unused) {
    // Tried again with the next round.
    if (!co_await remove_on_host(services, layer.host_id, layer.id)) continue;
    WRENN_CO_TRY(
        co_await services.database_pool.run([&] { return services.layers.remove(layer.id); }));
  }
  co_return {};
}

Task<Result<void>> clear_versions(Services& services) {
  constexpr int kPart = 100;
  const std::int64_t before = base::unix_ms_now() - kUntaggedKeptMs;
  WRENN_CO_TRY_ASSIGN(const auto untagged, co_await services.database_pool.run([&] {
    return services.templates.list_untagged(before, kPart);
  }));
  for (const db::Template& version : untagged) {
    if (!co_await remove_on_host(services, version.host_id, version.id)) continue;
    WRENN_CO_TRY(co_await services.database_pool.run(
        [&] { return services.templates.remove(version.team_id, version.id); }));
  }
  co_return {};
}

Task<Result<void>> clear_files(Services& services) {
  const std::int64_t now = base::unix_ms_now();
  WRENN_CO_TRY(co_await services.build_pool.run(
      [&] { return services.contexts.forget(now - kContextsKeptMs); }));
  constexpr std::int64_t kPart = 100;
  WRENN_CO_TRY(co_await services.database_pool.run(
      [&] { return services.builds.forget(now - kBuildsKeptMs, kPart); }));
  co_return {};
}

}  // namespace

Task<void> Builder::run() {
  net::TaskScope scope(co_await net::current_context());
  bool is_failing = false;
  while (co_await net::sleep_for(kPeriod)) {
    const auto started = co_await start_waiting(scope);
    if (!started && !is_failing && started.error().code != Code::kCanceled) {
      base::log_warn("builds wait: the database cannot be read", {{"error", started.error()}});
    }
    is_failing = !started;
  }
  co_await scope.join();
}

Task<Result<void>> Builder::start_waiting(net::TaskScope& scope) {
  while (at_work_ < kAtOnce) {
    WRENN_CO_TRY_ASSIGN(auto claimed, co_await services_.database_pool.run(
                                          [&] { return services_.builds.claim(kLeaseMs); }));
    if (!claimed) co_return {};
    ++at_work_;
    scope.spawn(build(*std::move(claimed)));
  }
  co_return {};
}

Task<void> Builder::build(db::Build build) {
  base::log_info("build begun", {{"build", build.id}, {"template", build.name}});
  const net::Context context = co_await net::current_context();
  BuildLog log(services_.builds, services_.database_pool, build.id);
  db::BuildProgress progress;
  net::StopSource stop(context.stop);
  net::TaskScope beside(*context.loop);
  beside.spawn(keep(build, progress, log, stop));
  const db::BuildEnd ended = co_await net::with_stop(stop.token(), make(build, log, progress));
  const bool is_shutting_down = context.stop.stop_requested();
  const bool is_stopped = stop.stop_requested();
  beside.request_stop();
  co_await beside.join();
  --at_work_;
  if (is_shutting_down) {
    (void)co_await net::with_stop(net::StopToken(), services_.database_pool.run([&] {
      return services_.builds.give_back(build);
    }));
  } else if (!is_stopped) {
    co_await end(build, ended, progress);
  }
}

Task<void> Builder::keep(const db::Build& build, const db::BuildProgress& progress, BuildLog& log,
                         net::StopSource& stop) {
  auto renewed_at = base::steady_now();
  while (true) {
    const auto slept = co_await net::sleep_for(kPeriod);
    const auto written = co_await net::with_stop(net::StopToken(), log.flush());
    if (!written) {
      base::log_warn("a part of a build's log is lost",
                     {{"build", build.id}, {"error", written.error()}});
    }
    if (!slept) co_return;
    const auto renewed = co_await services_.database_pool.run(
        [&] { return services_.builds.renew(build, progress, kLeaseMs); });
    const auto now = base::steady_now();
    if (renewed && *renewed) renewed_at = now;
    if ((renewed && !*renewed) || now - renewed_at > kLostAfter) {
      stop.request_stop();
      co_return;
    }
  }
}

Task<db::BuildEnd> Builder::make(const db::Build& build, BuildLog& log,
                                 db::BuildProgress& progress) {
  const auto failed = [&log](std::string why) {
    log.say(0, "error", why);
    return db::BuildEnd{
        .status = db::BuildStatus::kFailed, .template_id = {}, .error = std::move(why)};
  };
  if (build.attempts > db::BuildStore::kMaxAttempts) {
    co_return failed("it was begun several times, and each time the control plane ended meanwhile");
  }
  if (build.attempts > 1) {
    log.say(0, "notice", "begun anew");
    const auto cleared = co_await destroy_leftovers(services_, build);
    if (!cleared) base::log_warn("a build leaves something behind", {{"error", cleared.error()}});
  }
  const auto definition = parse_build(build.definition);
  if (!definition) co_return failed(definition.error().message);
  const auto plan = plan_of(*definition);
  if (!plan) co_return failed(plan.error().message);
  BuildExperience experience;
  for (int run = 1;; ++run) {
    BuildRun attempt(services_, build, *definition, *plan, log, progress, experience);
    const auto made = co_await attempt.run();
    co_await attempt.clear();
    if (made) {
      co_return db::BuildEnd{.status = db::BuildStatus::kReady, .template_id = *made, .error = {}};
    }
    if (made.error().code == Code::kCanceled) co_return db::BuildEnd{};
    const bool may_succeed = made.error().code == Code::kUnavailable && run < kRuns;
    if (!may_succeed) co_return failed(made.error().to_string());
    log.say(0, "notice", concat("trying again: ", made.error().message));
  }
}

Task<void> Builder::end(const db::Build& build, const db::BuildEnd& end,
                        const db::BuildProgress& progress) {
  base::log_info("build ended", {{"build", build.id},
                                 {"status", db::status_name(end.status)},
                                 {"error", std::string_view(end.error)}});
  const auto written = co_await services_.database_pool.run([&]() -> Result<bool> {
    WRENN_TRY(services_.builds.renew(build, progress, kLeaseMs));
    return services_.builds.finish(build, end);
  });
  if (!written) {
    base::log_warn("a build is begun anew: that it has ended could not be written",
                   {{"build", build.id}, {"error", written.error()}});
  }
  services_.audit.add_own(
      build.team_id, end.status == db::BuildStatus::kReady ? "build.ready" : "build.failed",
      "build", build.id, end.error.empty() ? std::string("it was built") : end.error);
}

Task<void> clear_builds(Services& services) {
  for (auto* clear : {&clear_layers, &clear_versions, &clear_files}) {
    const auto cleared = co_await clear(services);
    if (!cleared && cleared.error().code != Code::kCanceled) {
      base::log_warn("what builds have left stays for now", {{"error", cleared.error()}});
    }
  }
}

}  // namespace wrenn::control
