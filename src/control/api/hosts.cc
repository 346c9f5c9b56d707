#include "control/api/hosts.h"

#include <chrono>

#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/api/host_replies.h"
#include "control/api/json_fields.h"
#include "control/api/listing.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"
#include "db/team.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxState;
using net::Task;

constexpr auto kTokenLifetime = std::chrono::hours(1);

bool runs_platform(const Caller& caller) {
  if (caller.kind == Caller::Kind::kUser) return caller.is_admin;
  return caller.kind == Caller::Kind::kApiKey && caller.team_id == db::kDefaultTeam;
}
// Keys of a team are for everything in it that they have the scope for.
bool runs_team(const Caller& caller) {
  return caller.kind == Caller::Kind::kApiKey || caller.role != db::Role::kMember;
}

std::optional<std::string> user_of(const Caller& caller) {
  if (caller.kind != Caller::Kind::kUser) return std::nullopt;
  return caller.id;
}

Answer<db::NewHost> parse_new_host(std::string_view body) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  JsonFields fields(body);
  db::NewHost host;
  host.name = fields.text("name", {.presence = Presence::kRequired, .max_bytes = 63});
  const std::string team = fields.text("team_id", {.max_bytes = 64});
  const std::string type = fields.text("type", {.max_bytes = 16});
  if (host.name.find_first_not_of(kAllowed) != std::string::npos) {
    fields.fail("'name' has up to 63 of a-z, 0-9 and -");
  }
  if (!type.empty() && type != "regular" && type != "byoc") {
    fields.fail("'type' is regular, or byoc for a team's own host");
  }
  if ((type == "regular" && !team.empty()) || (type == "byoc" && team.empty())) {
    fields.fail("'team_id' belongs to hosts of the type byoc");
  }
  host.labels = set_labels(read_labels(fields));
  API_TRY(fields.status());
  if (!team.empty()) host.team_id = team;
  return host;
}

// On a pool thread.
Answer<void> check_may_create(Services& services, const Caller& caller, const db::NewHost& host) {
  if (!host.team_id) {
    if (runs_platform(caller)) return {};
    return refuse(ApiCode::kForbidden,
                  "hosts for everybody are added by administrators of the platform; say 'team_id' "
                  "for a host of your team's own");
  }
  if (!runs_platform(caller) && (*host.team_id != caller.team_id || !runs_team(caller))) {
    return refuse(ApiCode::kForbidden, "a team's own hosts are added by its administrators");
  }
  const auto team = services.accounts.stores().teams.get(*host.team_id);
  if (!team && team.error().code == base::Code::kNotFound) {
    return refuse(ApiCode::kNotFound, "there is no such team");
  }
  API_TRY(db_answer(team));
  if (team->is_byoc) return {};
  return refuse(ApiCode::kForbidden,
                "the team may not bring hosts of its own; an administrator of the platform allows "
                "it: PUT /v1/admin/teams/{id}/byoc");
}

// On a pool thread. What the caller may not see is not there for them.
Answer<db::RegisteredHost> find_host(Services& services, const Call& call) {
  if (!base::is_id(base::kHostPrefix, call.param(0))) {
    return refuse(ApiCode::kInvalidRequest, "not the id of a host; GET /v1/hosts lists them");
  }
  auto host = services.registry.get(call.param(0));
  const bool is_missing = !host && host.error().code == base::Code::kNotFound;
  const bool is_hidden = host && !runs_platform(call.caller()) &&
                         (!host->host.team_id || *host->host.team_id != call.team_id());
  if (is_missing || is_hidden) {
    return refuse(ApiCode::kNotFound, "there is no such host; GET /v1/hosts lists them");
  }
  return db_answer(std::move(host));
}

// The same for changing it.
Answer<db::RegisteredHost> find_own_host(Services& services, const Call& call) {
  API_TRY_ASSIGN(db::RegisteredHost host, find_host(services, call));
  if (runs_platform(call.caller()) || runs_team(call.caller())) return host;
  return refuse(ApiCode::kForbidden, "a team's own hosts are run by its administrators");
}

Answer<db::RegisteredHost> find_removable(Services& services, const Call& call) {
  API_TRY_ASSIGN(db::RegisteredHost host, find_own_host(services, call));
  if (host.host.is_registered) return host;
  return refuse(ApiCode::kInvalidState,
                "this host is named by a flag of wrenn-cp: start it without that flag");
}

// What is lost with the host: all but what is in object storage.
Answer<std::vector<db::Sandbox>> sandboxes_on(Services& services, const std::string& host_id) {
  API_TRY_ASSIGN(auto rows, db_answer(services.sandboxes.list_by_host(host_id)));
  std::erase_if(rows, [](const db::Sandbox& row) {
    return !db::is_listed(row.status) || row.status == SandboxState::kHibernated;
  });
  return rows;
}

std::vector<std::string> ids_of(const std::vector<db::Sandbox>& rows) {
  std::vector<std::string> ids;
  for (const db::Sandbox& row : rows) ids.push_back(row.id);
  return ids;
}

std::unexpected<ApiError> has_sandboxes(const std::vector<db::Sandbox>& rows) {
  return refuse(ApiCode::kHasActiveSandboxes,
                concat("the host has ", rows.size(), " sandboxes: ", base::join(ids_of(rows), ", "),
                       "; hibernate or destroy them first, or end them with ?force=true"));
}

// Its agent is asked, too, as far as it answers: what it keeps would be nobody's.
Task<Answer<void>> end_all(Services& services, const std::string& host_id,
                           std::vector<db::Sandbox> rows) {
  const auto agent = services.directory.agent(host_id);
  bool answers = agent.has_value();
  for (const db::Sandbox& row : rows) {
    const BusySandboxes::Mark busy(services.busy, row.id);
    if (answers) answers = (co_await (*agent)->destroy(row.id)).has_value();
    API_CO_TRY(db_answer(co_await services.database_pool.run([&] {
      return services.sandboxes.transition(row.id, {row.status}, SandboxState::kStopped,
                                           {.error_message = std::string("its host was removed")});
    })));
    services.forget_place(row.id);
  }
  co_return {};
}

Task<Answer<void>> set_draining(Services& services, Call& call, db::Draining draining) {
  API_CO_TRY_ASSIGN(const db::RegisteredHost host,
                    co_await on_pool(services.database_pool, [&]() -> Answer<db::RegisteredHost> {
                      API_TRY_ASSIGN(const db::RegisteredHost found, find_own_host(services, call));
                      API_TRY(db_answer(services.registry.set_draining(found.host.id, draining)));
                      return db_answer(services.registry.get(found.host.id));
                    }));
  call.note("name", host.host.name);
  services.fleet.expire();
  base::log_info(draining == db::Draining::kYes ? "a host is drained" : "a host takes sandboxes",
                 {{"host", host.host.name}, {"request", call.request_id()}});
  co_return co_await call.send_json(200, host_json(host));
}

Task<Answer<HostRoom>> room_of(Services& services, std::vector<std::string> ids) {
  API_CO_TRY_ASSIGN(
      db::HostLoads loads,
      db_answer(co_await services.database_pool.run([&] { return services.hosts.loads(ids); })));
  co_return HostRoom{std::move(loads), services.fleet.overcommit()};
}

}  // namespace

Task<Answer<void>> create_host(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(db::NewHost wish, parse_new_host(body));
  wish.created_by = user_of(call.caller());
  std::string id;
  API_CO_TRY_ASSIGN(std::string reply,
                    co_await on_pool(services.database_pool, [&]() -> Answer<std::string> {
                      API_TRY(check_may_create(services, call.caller(), wish));
                      auto made = services.registry.create(wish);
                      if (!made && made.error().code == base::Code::kAlreadyExists) {
                        return refuse(ApiCode::kConflict, made.error().to_string());
                      }
                      API_TRY_ASSIGN(const db::RegisteredHost host, db_answer(std::move(made)));
                      id = host.host.id;
                      API_TRY_ASSIGN(const base::Secret token,
                                     db_answer(services.registry.issue_token(
                                         host.host.id, wish.created_by, kTokenLifetime)));
                      return host_with_token_json(host, token);
                    }));
  call.set_resource_id(id);
  call.note("name", wish.name);
  base::log_info("a host was added", {{"host", wish.name}, {"request", call.request_id()}});
  co_return co_await call.send_json(201, std::move(reply));
}

Task<Answer<void>> list_hosts(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto hosts, db_answer(co_await services.database_pool.run([&] {
                      return runs_platform(call.caller())
                                 ? services.registry.list()
                                 : services.registry.list_of_team(call.team_id());
                    })));
  std::vector<std::string> ids;
  for (const auto& host : hosts) ids.push_back(host.host.id);
  API_CO_TRY_ASSIGN(const HostRoom room, co_await room_of(services, std::move(ids)));
  co_return co_await call.send_json(200, hosts_json(hosts, room));
}

Task<Answer<void>> get_host(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto host, co_await on_pool(services.database_pool,
                                                      [&] { return find_host(services, call); }));
  API_CO_TRY_ASSIGN(const HostRoom room, co_await room_of(services, {host.host.id}));
  co_return co_await call.send_json(200, host_json(host, room));
}

Task<Answer<void>> update_host(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::LabelChanges changes, parse_label_changes(body));
  call.note_labels(changes);
  API_CO_TRY_ASSIGN(const db::RegisteredHost host,
                    co_await on_pool(services.database_pool, [&]() -> Answer<db::RegisteredHost> {
                      API_TRY_ASSIGN(const db::RegisteredHost found, find_own_host(services, call));
                      return db_answer(services.registry.change_labels(found.host.id, changes));
                    }));
  services.fleet.expire();
  co_return co_await call.send_json(200, host_json(host));
}

Task<Answer<void>> preview_host_removal(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(std::string reply,
                    co_await on_pool(services.database_pool, [&]() -> Answer<std::string> {
                      API_TRY_ASSIGN(const db::RegisteredHost host, find_own_host(services, call));
                      API_TRY_ASSIGN(const auto rows, sandboxes_on(services, host.host.id));
                      return host_with_sandboxes_json(host, ids_of(rows));
                    }));
  co_return co_await call.send_json(200, std::move(reply));
}

Task<Answer<void>> remove_host(Services& services, Call& call) {
  const bool is_forced = query_parameter(call.request().query(), "force") == "true";
  struct Found {
    db::RegisteredHost host;
    std::vector<db::Sandbox> rows;
  };
  // Nothing new is made there meanwhile.
  API_CO_TRY_ASSIGN(
      const Found found, co_await on_pool(services.database_pool, [&]() -> Answer<Found> {
        API_TRY_ASSIGN(auto host, find_removable(services, call));
        if (is_forced) {
          API_TRY(db_answer(services.registry.set_draining(host.host.id, db::Draining::kYes)));
        }
        API_TRY_ASSIGN(auto rows, sandboxes_on(services, host.host.id));
        return Found{std::move(host), std::move(rows)};
      }));
  if (!found.rows.empty() && !is_forced) co_return has_sandboxes(found.rows);
  call.note("name", found.host.host.name);
  if (!found.rows.empty()) call.note("ended", concat(found.rows.size()));
  API_CO_TRY(co_await end_all(services, found.host.host.id, found.rows));
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&] { return services.registry.remove(found.host.host.id); })));
  services.fleet.expire();
  base::log_info("a host was removed",
                 {{"host", found.host.host.name}, {"request", call.request_id()}});
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> renew_host_token(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(
      std::string reply, co_await on_pool(services.database_pool, [&]() -> Answer<std::string> {
        API_TRY_ASSIGN(const db::RegisteredHost host, find_own_host(services, call));
        if (!host.host.is_registered || !host.is_pending()) {
          return refuse(ApiCode::kConflict,
                        "the host is not pending: it has registered and needs no token");
        }
        API_TRY_ASSIGN(const base::Secret token,
                       db_answer(services.registry.issue_token(host.host.id, user_of(call.caller()),
                                                               kTokenLifetime)));
        return host_with_token_json(host, token);
      }));
  co_return co_await call.send_json(201, std::move(reply));
}

Task<Answer<void>> drain_host(Services& services, Call& call) {
  return set_draining(services, call, db::Draining::kYes);
}

Task<Answer<void>> undrain_host(Services& services, Call& call) {
  return set_draining(services, call, db::Draining::kNo);
}

}  // namespace wrenn::control
