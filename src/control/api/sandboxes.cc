#include "control/api/sandboxes.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/listing.h"
#include "control/api/on_pool.h"
#include "control/api/quotas.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/api/sandbox_rows.h"
#include "control/creation.h"
#include "control/hibernation.h"
#include "control/scheduler/placement.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxState;
using net::Task;

Answer<Origin> shape_of(const db::Template& made, const CreateParams& params) {
  const auto differs = [](const std::optional<int>& asked, int own) {
    return asked && *asked != own;
  };
  if (differs(params.vcpus, made.vcpus) || differs(params.memory_mb, made.memory_mb) ||
      differs(params.disk_mb, made.disk_mb)) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("the template ", made.name, " was made of a running sandbox with ",
                         made.vcpus, " vcpus, ", made.memory_mb, " memory_mb and ", made.disk_mb,
                         " disk_mb, and so are all made from it; leave these fields out"));
  }
  return Origin{.name_on_host = made.id,
                .vcpus = made.vcpus,
                .memory_mb = made.memory_mb,
                .disk_mb = made.disk_mb,
                .host_id = made.host_id,
                .source = {.sandbox_id = {}, .template_name = made.name, .version = made.version}};
}

Task<Answer<Origin>> find_origin(Services& services, std::string team_id, CreateParams params) {
  const auto made = co_await services.database_pool.run(
      [&] { return services.templates.get(team_id, params.reference); });
  if (made) co_return shape_of(*made, params);
  if (made.error().code != base::Code::kNotFound) co_return std::unexpected(from_db(made.error()));
  // The host knows templates of all teams by their ids, and images have no versions.
  const bool is_image_name = params.reference.tag == db::kLatestTag &&
                             !base::is_id(base::kTemplatePrefix, params.reference.name);
  if (!is_image_name) {
    co_return refuse(ApiCode::kNotFound, concat("there is no template '", params.template_name,
                                                "'; GET /v1/snapshots lists yours"));
  }
  Origin image{.name_on_host = params.reference.name};
  image.vcpus = params.vcpus.value_or(image.vcpus);
  image.memory_mb = params.memory_mb.value_or(image.memory_mb);
  image.disk_mb = params.disk_mb.value_or(image.disk_mb);
  co_return image;
}

db::Sandbox new_row(const Call& call, const CreateParams& params, const Origin& origin) {
  db::Sandbox row;
  row.id = base::new_id(base::kSandboxPrefix);
  row.team_id = call.team_id();
  row.template_name = params.template_name;
  row.source = origin.source;
  row.vcpus = origin.vcpus;
  row.memory_mb = origin.memory_mb;
  row.disk_mb = origin.disk_mb;
  row.auto_resume = params.auto_resume;
  row.labels = params.labels;
  row.host_labels = params.host_labels;
  row.network = params.network;
  db::LifecycleSettings settings;
  apply(params.lifecycle, settings);
  set_lifecycle(settings, row);
  return row;
}

// The sandbox that an earlier request with the same key made, as soon as it is there. Nothing when
// there is none to be had: the key is the caller's.
Task<Answer<std::optional<db::Sandbox>>> claim(Services& services, Call& call, std::string body,
                                               std::string sandbox_id) {
  constexpr std::size_t kMaxKey = 255;
  const std::string key(call.request().headers().find("idempotency-key").value_or(""));
  if (key.empty()) co_return std::nullopt;
  if (key.size() > kMaxKey || !base::is_valid_utf8(key)) {
    co_return refuse(ApiCode::kInvalidRequest,
                     concat("Idempotency-Key must be text of at most ", kMaxKey, " bytes"));
  }
  constexpr auto kInterval = std::chrono::milliseconds(100);
  constexpr auto kMaxWait = std::chrono::minutes(3);
  const std::string hash = base::sha256_hex(body);
  const auto until = base::steady_now() + kMaxWait;
  while (base::steady_now() < until) {
    const auto claimed = co_await services.database_pool.run(
        [&] { return services.idempotency.claim(call.team_id(), key, hash, sandbox_id); });
    if (!claimed && claimed.error().code == base::Code::kInvalidArgument) {
      co_return refuse(ApiCode::kConflict, claimed.error().to_string());
    }
    if (!claimed) co_return std::unexpected(from_db(claimed.error()));
    if (claimed->is_new) co_return std::nullopt;
    auto first = co_await services.database_pool.run(
        [&] { return services.sandboxes.get(call.team_id(), claimed->sandbox_id); });
    if (!first && first.error().code != base::Code::kNotFound) {
      co_return std::unexpected(from_db(first.error()));
    }
    const bool is_there = first && first->status != SandboxState::kPending &&
                          first->status != SandboxState::kStarting &&
                          first->status != SandboxState::kError;
    if (is_there) co_return std::optional(std::move(*first));
    if (const auto slept = co_await net::sleep_for(kInterval); !slept) {
      co_return std::unexpected(from_client(slept.error()));
    }
  }
  co_return refuse(ApiCode::kConflict,
                   "another request with this Idempotency-Key is still being served; try again");
}

// The key of a create that came to nothing.
Task<void> release(Services& services, Call& call, std::string sandbox_id) {
  const std::string key(call.request().headers().find("idempotency-key").value_or(""));
  if (key.empty()) co_return;
  const auto released = co_await services.database_pool.run(
      [&] { return services.idempotency.release(call.team_id(), key, sandbox_id); });
  if (!released) {
    base::log_warn("an idempotency key is kept for a while",
                   {{"sandbox", sandbox_id}, {"error", released.error()}});
  }
}

}  // namespace

Task<Answer<void>> create_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const CreateParams params, parse_create(body));
  API_CO_TRY_ASSIGN(const Origin origin, co_await find_origin(services, call.team_id(), params));
  db::Sandbox row = new_row(call, params, origin);
  API_CO_TRY_ASSIGN(const auto first, co_await claim(services, call, body, row.id));
  const std::string id = first ? first->id : row.id;
  call.set_resource_id(id);
  call.note("template", row.template_name);
  if (first) co_return co_await call.send_json(201, sandbox_json(*first));
  const auto created = co_await services.operations.measure(
      Operation::kCreate, create_from(services, std::move(row), origin));
  if (!created) {
    // Who tries it again is not to wait for one that is not being made.
    co_await release(services, call, id);
    co_return std::unexpected(created.error());
  }
  base::log_info("sandbox created",
                 {{"sandbox", created->sandbox.id}, {"request", call.request_id()}});
  co_return co_await call.send_json(201, sandbox_json(created->sandbox, created->timings_ms));
}

Task<Answer<void>> list_sandboxes(Services& services, Call& call) {
  const std::string_view query_text = call.request().query();
  API_CO_TRY_ASSIGN(const db::SandboxQuery query, parse_listing(query_text));
  API_CO_TRY_ASSIGN(const auto page, db_answer(co_await services.database_pool.run([&] {
                      return services.sandboxes.list(call.team_id(), query);
                    })));
  co_return co_await call.send_json(200, sandboxes_json(page),
                                    next_sandboxes(call.request().path(), query_text, query, page));
}

Task<Answer<void>> update_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const db::LabelChanges changes, parse_label_changes(body));
  call.note_labels(changes);
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  API_CO_TRY_ASSIGN(const db::Sandbox changed, db_answer(co_await services.database_pool.run([&] {
                      return services.sandboxes.change_labels(call.team_id(), sandbox.id, changes);
                    })));
  co_return co_await call.send_json(200, sandbox_json(changed));
}

Task<Answer<void>> get_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  co_return co_await call.send_json(200, sandbox_json(sandbox));
}

Task<Answer<void>> destroy_call(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  API_CO_TRY(co_await destroy_sandbox(services, sandbox));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> pause_call(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(std::string mode, parse_pause(body));
  call.note("mode", mode);
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  API_CO_TRY_ASSIGN(
      const Changed paused,
      co_await pause_sandbox(services.lifecycle(), std::move(sandbox), std::move(mode)));
  services.forget_place(paused.sandbox.id);
  co_return co_await call.send_json(200, sandbox_json(paused.sandbox, paused.timings_ms));
}

Task<Answer<void>> hibernate_call(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  const std::string id = sandbox.id;
  const auto hibernated = co_await hibernate_sandbox(services.lifecycle(), std::move(sandbox));
  services.forget_place(id);
  if (!hibernated) co_return std::unexpected(hibernated.error());
  co_return co_await call.send_json(200, sandbox_json(hibernated->sandbox, hibernated->timings_ms));
}

Task<Answer<void>> resume_call(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const LifecycleParams params, parse_lifecycle(body));
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  std::optional<db::LifecycleSettings> settings;
  if (params.timeout_sec || params.max_lifetime_sec || params.on_timeout) {
    settings = settings_of(sandbox);
    apply(params, *settings);
  }
  API_CO_TRY_ASSIGN(const Changed resumed,
                    co_await resume_sandbox(services.lifecycle(), std::move(sandbox), settings));
  services.forget_place(resumed.sandbox.id);
  co_return co_await call.send_json(200, sandbox_json(resumed.sandbox, resumed.timings_ms));
}

Task<Answer<void>> set_timeout(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const LifecycleParams params, parse_lifecycle(body));
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  db::LifecycleSettings settings = settings_of(sandbox);
  apply(params, settings);
  call.note("timeout_sec", concat(settings.timeout_sec));
  API_CO_TRY_ASSIGN(
      const db::Sandbox changed,
      co_await change_lifecycle(services.lifecycle(), std::move(sandbox), std::move(settings)));
  co_return co_await call.send_json(200, sandbox_json(changed));
}

Task<Answer<void>> ping_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  if (sandbox.status != SandboxState::kRunning) {
    co_return std::unexpected(wrong_state(sandbox, "only a running one can be kept awake"));
  }
  API_CO_TRY_ASSIGN(AgentClient* const agent,
                    agent_answer(services.directory.agent(sandbox.host_id)));
  API_CO_TRY(agent_answer(co_await agent->ping(sandbox.id)));
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&] { return services.sandboxes.touch_active(sandbox.id); })));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
