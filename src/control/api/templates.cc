#include "control/api/templates.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/api/copies.h"
#include "control/api/json_fields.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/scheduler/placement.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

ApiError no_template(std::string_view name) {
  return {ApiCode::kNotFound,
          concat("there is no template '", name, "'; GET /v1/snapshots lists yours")};
}

// What the reference means: all versions of a name, or one.
Task<Answer<std::vector<db::Template>>> find_versions(Services& services, std::string team_id,
                                                      std::string text) {
  const bool is_one = text.find_first_of(":@") != std::string::npos;
  API_CO_TRY_ASSIGN(const db::TemplateReference reference, parse_template(text));
  const auto found =
      co_await services.database_pool.run([&]() -> base::Result<std::vector<db::Template>> {
        if (!is_one) return services.templates.versions(team_id, reference.name);
        WRENN_TRY_ASSIGN(db::Template one, services.templates.get(team_id, reference));
        return std::vector<db::Template>{std::move(one)};
      });
  if (found && !found->empty()) co_return *found;
  if (!found && found.error().code != base::Code::kNotFound) {
    co_return std::unexpected(from_db(found.error()));
  }
  API_CO_TRY_ASSIGN(const auto images, co_await find_images(services));
  if (!is_one && images.contains(text)) {
    co_return refuse(ApiCode::kForbidden,
                     concat("'", text, "' is an image of the host, which nobody changes here"));
  }
  co_return std::unexpected(no_template(text));
}

}  // namespace

Task<Answer<std::map<std::string, db::Template>>> find_images(Services& services) {
  std::map<std::string, db::Template> images;
  API_CO_TRY_ASSIGN(const auto hosts, db_answer(co_await hosts_to_try(services.lifecycle())));
  std::optional<base::Error> silence;
  bool has_heard = false;
  for (const std::string& host_id : hosts) {
    API_CO_TRY_ASSIGN(AgentClient* const agent, agent_answer(services.directory.agent(host_id)));
    const auto known = co_await agent->list_templates();
    if (!known) {
      silence = known.error();
      continue;
    }
    has_heard = true;
    for (const auto& one : known->templates()) {
      if (one.type() != "base") continue;
      db::Template& image = images[one.name()];
      image.name = one.name();
      image.size_bytes = one.size_bytes();
      image.image_version = one.version();
    }
  }
  if (!has_heard && silence) co_return std::unexpected(from_agent(*silence));
  co_return images;
}

Task<Answer<void>> create_snapshot(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(SnapshotParams params, parse_snapshot(body));
  if (params.name.empty()) {
    params.name = concat("template-", base::to_hex(base::random_bytes(4)));
  }
  call.set_params({params.sandbox_id});
  API_CO_TRY_ASSIGN(const db::Sandbox source, co_await find_sandbox(services, call));
  API_CO_TRY(check_can_be_copied(source));
  API_CO_TRY_ASSIGN(AgentClient* const agent,
                    agent_answer(services.directory.agent(source.host_id)));
  API_CO_TRY_ASSIGN(const auto images, co_await find_images(services));
  if (images.contains(params.name)) {
    co_return refuse(ApiCode::kConflict, concat("the name '", params.name,
                                                "' is that of an image; choose another one"));
  }
  db::Template made{.id = base::new_id(base::kTemplatePrefix),
                    .team_id = call.team_id(),
                    .name = params.name,
                    .host_id = source.host_id.value_or(local_host_id()),
                    .sandbox_id = source.id,
                    .vcpus = source.vcpus,
                    .memory_mb = source.memory_mb,
                    .disk_mb = source.disk_mb};
  API_CO_TRY_ASSIGN(const auto taken, db_answer(co_await services.database_pool.run([&] {
                      return services.templates.versions(made.team_id, made.name);
                    })));
  const ApiError is_taken{ApiCode::kConflict,
                          concat("there is a template '", made.name,
                                 "' already; choose another name, or delete that one first")};
  if (!taken.empty()) co_return std::unexpected(is_taken);
  agent::SnapshotSandboxRequest request;
  request.set_sandbox_id(source.id);
  request.set_name(made.id);
  API_CO_TRY_ASSIGN(const auto saved, agent_answer(co_await agent->snapshot(request)));
  made.size_bytes = saved.template_().size_bytes();
  auto kept = co_await services.database_pool.run([&] { return services.templates.insert(made); });
  if (!kept) {
    if (auto removed = co_await agent->delete_template(made.id); !removed) {
      base::log_warn("a template that nobody knows stays on its host",
                     {{"template", made.id}, {"error", removed.error()}});
    }
    if (kept.error().code == base::Code::kAlreadyExists) co_return std::unexpected(is_taken);
    co_return std::unexpected(from_db(kept.error()));
  }
  call.set_resource_id(kept->name);
  call.note("capsule", source.id);
  co_return co_await call.send_json(201, template_json(*kept));
}

Task<Answer<void>> list_snapshots(Services& services, Call& call) {
  const std::string type = query_parameter(call.request().query(), "type");
  if (!type.empty() && type != "base" && type != "snapshot") {
    co_return refuse(ApiCode::kInvalidRequest, "type must be base or snapshot");
  }
  std::vector<db::Template> templates;
  if (type != "base") {
    API_CO_TRY_ASSIGN(templates, db_answer(co_await services.database_pool.run(
                                     [&] { return services.templates.list(call.team_id()); })));
  }
  if (type != "snapshot") {
    API_CO_TRY_ASSIGN(auto images, co_await find_images(services));
    for (auto& [name, image] : images) templates.push_back(std::move(image));
  }
  co_return co_await call.send_json(200, templates_json(templates));
}

Task<Answer<void>> delete_snapshot(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto versions,
                    co_await find_versions(services, call.team_id(), call.param(0)));
  for (const db::Template& one : versions) {
    API_CO_TRY_ASSIGN(AgentClient* const agent,
                      agent_answer(services.directory.agent(one.host_id)));
    API_CO_TRY(agent_answer(co_await agent->delete_template(one.id)));
    API_CO_TRY(db_answer(co_await services.database_pool.run(
        [&] { return services.templates.remove(call.team_id(), one.id); })));
  }
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> set_template_tag(Services& services, Call& call) {
  const std::string name = call.param(0);
  const std::string tag = call.param(1);
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  JsonFields fields(body);
  constexpr std::int64_t kMaxVersion = 1LL << 53;
  const std::int64_t version = fields.integer("version", {1, kMaxVersion, 0});
  if (version == 0) fields.fail("version must be the number of a version");
  if (!db::is_template_tag(tag)) fields.fail("a tag is 1 to 64 letters, digits and '._-'");
  API_CO_TRY(fields.status());
  call.note("tag", tag);
  call.note("version", concat(version));
  const auto set = co_await services.database_pool.run(
      [&] { return services.templates.set_tag(call.team_id(), name, tag, version); });
  if (!set && set.error().code == base::Code::kNotFound) {
    co_return std::unexpected(no_template(concat(name, "@", version)));
  }
  API_CO_TRY(db_answer(set));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> remove_template_tag(Services& services, Call& call) {
  const std::string name = call.param(0);
  const std::string tag = call.param(1);
  call.note("tag", tag);
  API_CO_TRY_ASSIGN(const bool removed, db_answer(co_await services.database_pool.run([&] {
                      return services.templates.remove_tag(call.team_id(), name, tag);
                    })));
  if (!removed) co_return std::unexpected(no_template(concat(name, ":", tag)));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
