#include "control/api/quotas.h"

#include <boost/json.hpp>

#include "base/id.h"
#include "base/strings.h"
#include "control/api/etag.h"
#include "control/api/json_fields.h"
#include "control/api/requests.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
namespace json = boost::json;

json::value limit_value(const std::optional<std::int64_t>& limit) {
  return limit ? json::value(*limit) : json::value(nullptr);
}

json::object limits_object(const db::Quota& quota) {
  return {{"sandboxes", limit_value(quota.sandboxes)},
          {"vcpus", limit_value(quota.vcpus)},
          {"memory_mb", limit_value(quota.memory_mb)},
          {"disk_mb", limit_value(quota.disk_mb)},
          {"creates_per_minute", limit_value(quota.creates_per_minute)}};
}

json::object use_object(const db::QuotaUse& use) {
  return {{"sandboxes", use.sandboxes},
          {"vcpus", use.vcpus},
          {"memory_mb", use.memory_mb},
          {"disk_mb", use.disk_mb},
          {"creates_per_minute", use.creates}};
}

// A limit that is left out is none.
Answer<db::Quota> parse_quota(std::string_view body) {
  constexpr IntegerRule kLimit{.min = 0, .max = std::int64_t{1} << 40};
  JsonFields fields(body);
  const auto limit = [&](std::string_view name) -> std::optional<std::int64_t> {
    if (!fields.has(name)) return std::nullopt;
    return fields.integer(name, kLimit);
  };
  const db::Quota quota{.sandboxes = limit("sandboxes"),
                        .vcpus = limit("vcpus"),
                        .memory_mb = limit("memory_mb"),
                        .disk_mb = limit("disk_mb"),
                        .creates_per_minute = limit("creates_per_minute")};
  API_TRY(fields.status());
  return quota;
}

Answer<std::string> team_in_path(const Call& call) {
  if (base::is_id(base::kTeamPrefix, call.param(0))) return call.param(0);
  return refuse(ApiCode::kInvalidRequest, "not the id of a team; GET /v1/admin/teams lists all");
}

Task<Answer<void>> send_quota(Call& call, const db::StoredQuota& stored) {
  return call.send_json(200, json::serialize(limits_object(stored.quota)),
                        net::Headers().with("ETag", etag_of(stored.updated_at)));
}

Task<Answer<void>> get_stored(Services& services, Call& call, std::string team_id) {
  API_CO_TRY_ASSIGN(
      const auto stored,
      db_answer(co_await services.database_pool.run([&] { return services.quotas.get(team_id); })));
  if (!stored) {
    co_return refuse(ApiCode::kNotFound, "no quota was set here; PUT sets one");
  }
  co_return co_await send_quota(call, *stored);
}

Task<Answer<void>> set_stored(Services& services, Call& call, std::string team_id) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::Quota quota, parse_quota(body));
  for (const auto& limit : limits_object(quota)) {
    call.note(std::string(limit.key()), json::serialize(limit.value()));
  }
  API_CO_TRY_ASSIGN(const auto seen, seen_version(call.request().headers()));
  API_CO_TRY_ASSIGN(const auto stored, db_answer(co_await services.database_pool.run([&] {
                      return services.quotas.set(team_id, quota, seen);
                    })));
  if (!stored) co_return std::unexpected(changed_meanwhile());
  co_return co_await send_quota(call, *stored);
}

Task<Answer<void>> remove_stored(Services& services, Call& call, std::string team_id) {
  API_CO_TRY(db_answer(
      co_await services.database_pool.run([&] { return services.quotas.remove(team_id); })));
  co_return co_await call.send_empty(204);
}

}  // namespace

Task<Answer<void>> get_own_quota(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(
      std::string body,
      db_answer(co_await services.database_pool.run([&]() -> base::Result<std::string> {
        WRENN_TRY_ASSIGN(const db::Quota quota, services.quotas.effective(call.team_id()));
        WRENN_TRY_ASSIGN(const db::QuotaUse use, services.quotas.use(call.team_id()));
        return json::serialize(
            json::object{{"limits", limits_object(quota)}, {"used", use_object(use)}});
      })));
  co_return co_await call.send_json(200, std::move(body));
}

Task<Answer<void>> get_quota_of_all(Services& services, Call& call) {
  return get_stored(services, call, std::string(db::kQuotaOfAll));
}
Task<Answer<void>> set_quota_of_all(Services& services, Call& call) {
  return set_stored(services, call, std::string(db::kQuotaOfAll));
}
Task<Answer<void>> remove_quota_of_all(Services& services, Call& call) {
  return remove_stored(services, call, std::string(db::kQuotaOfAll));
}

Task<Answer<void>> get_team_quota(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(std::string team_id, team_in_path(call));
  co_return co_await get_stored(services, call, std::move(team_id));
}
Task<Answer<void>> set_team_quota(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(std::string team_id, team_in_path(call));
  co_return co_await set_stored(services, call, std::move(team_id));
}
Task<Answer<void>> remove_team_quota(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(std::string team_id, team_in_path(call));
  co_return co_await remove_stored(services, call, std::move(team_id));
}

Task<ApiError> with_wait(Services& services, std::string team_id, int count, ApiError error) {
  if (error.code != ApiCode::kQuotaExceeded) co_return error;
  const auto wait = co_await services.database_pool.run(
      [&] { return services.quotas.create_wait_ms(team_id, count); });
  if (wait) error.retry_after_sec = (*wait + 999) / 1000;
  co_return error;
}

}  // namespace wrenn::control
