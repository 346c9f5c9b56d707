#include "control/api/api_keys.h"

#include <algorithm>

#include "base/id.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/account_replies.h"
#include "control/api/auth.h"
#include "control/api/json_fields.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

constexpr std::int64_t kMaxDays = 3650;

Answer<db::KeyRequest> parse_key(std::string_view body) {
  JsonFields fields(body);
  db::KeyRequest request{.name = fields.text("name", {.max_bytes = 128})};
  request.scopes = fields.texts("scopes", kScopes.size());
  const std::int64_t days = fields.integer("expires_in_days", {.min = 1, .max = kMaxDays});
  const bool is_limited = fields.has("expires_in_days");
  for (const std::string& scope : request.scopes) {
    if (std::ranges::find(kScopes, scope) != kScopes.end()) continue;
    fields.fail(concat("'scopes': there is no such one; there are ",
                       base::join({kScopes.begin(), kScopes.end()}, ", ")));
  }
  API_TRY(fields.status());
  if (is_limited) request.expires_at = base::unix_ms_now() + days * 24 * 3600 * 1000;
  return request;
}

}  // namespace

Task<Answer<void>> create_api_key(Services& services, Call& call) {
  constexpr std::size_t kMaxKeys = 500;
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(db::KeyRequest request, parse_key(body));
  request.created_by = call.caller().id;
  call.note("name", request.name);
  if (!request.scopes.empty()) call.note("scopes", base::join(request.scopes, ","));
  if (request.expires_at) call.note("expires_at", base::rfc3339(*request.expires_at));
  API_CO_TRY_ASSIGN(
      db::NewApiKey made, co_await on_pool(services.database_pool, [&]() -> Answer<db::NewApiKey> {
        API_TRY_ASSIGN(const auto all, db_answer(services.keys.list(call.team_id())));
        if (all.size() >= kMaxKeys) {
          return refuse(ApiCode::kTooMany,
                        concat("the team has ", kMaxKeys, " keys; revoke some first"));
        }
        return db_answer(services.keys.create(call.team_id(), request));
      }));
  call.set_resource_id(made.key.id);
  made.key.creator_email = call.caller().email;
  co_return co_await call.send_json(201, new_key_json(made));
}

Task<Answer<void>> list_api_keys(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto keys, db_answer(co_await services.database_pool.run(
                                         [&] { return services.keys.list(call.team_id()); })));
  co_return co_await call.send_json(200, keys_json(keys));
}

Task<Answer<void>> revoke_api_key(Services& services, Call& call) {
  if (!base::is_id(base::kKeyPrefix, call.param(0))) {
    co_return refuse(ApiCode::kInvalidRequest,
                     "not the id of an API key; GET /v1/api-keys lists them");
  }
  auto revoked = co_await services.database_pool.run(
      [&] { return services.keys.revoke(call.team_id(), call.param(0)); });
  // One that is not there cannot be used either.
  if (!revoked && revoked.error().code != base::Code::kNotFound) {
    co_return std::unexpected(from_db(revoked.error()));
  }
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
