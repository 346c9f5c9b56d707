#include "control/api/builds.h"

#include <boost/json.hpp>

#include "base/id.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/listing.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/builds/build_definition.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
namespace json = boost::json;

constexpr int kPage = 50;
constexpr int kLogPage = 1000;
// Between looks at the database, of somebody who follows.
constexpr auto kLook = std::chrono::milliseconds(200);
// A line that says nothing, so that nobody on the way takes the connection for dead.
constexpr auto kSilence = std::chrono::seconds(15);

json::object build_object(const db::Build& build, const recipe::BuildPlan* plan = nullptr) {
  json::object out;
  out["id"] = build.id;
  out["name"] = build.name;
  out["tag"] = build.tag;
  out["status"] = db::status_name(build.status);
  out["step"] = build.step;
  out["steps"] = build.steps;
  out["cached_steps"] = build.cached_steps;
  if (!build.error.empty()) out["error"] = build.error;
  if (!build.template_id.empty()) out["template_id"] = build.template_id;
  out["created_at"] = base::rfc3339(build.created_at);
  if (build.started_at) out["started_at"] = base::rfc3339(*build.started_at);
  if (build.finished_at) out["finished_at"] = base::rfc3339(*build.finished_at);
  if (plan == nullptr) return out;
  json::array warnings;
  for (const recipe::Warning& warning : plan->warnings) {
    warnings.push_back(json::object{{"line", warning.line}, {"text", warning.text}});
  }
  out["warnings"] = std::move(warnings);
  return out;
}

std::string log_line(const db::BuildLogLine& line) {
  json::object out;
  out["number"] = line.number;
  out["at"] = base::rfc3339(line.at);
  out["step"] = line.step;
  out["kind"] = line.kind;
  out["text"] = line.text;
  return json::serialize(out) + "\n";
}

Task<Answer<db::Build>> find_build(Services& services, Call& call) {
  const std::string id = call.param(0);
  auto build =
      co_await services.database_pool.run([&] { return services.builds.get(call.team_id(), id); });
  if (!build && build.error().code == base::Code::kNotFound) {
    co_return refuse(ApiCode::kNotFound,
                     concat("there is no build ", id, "; GET /v1/builds lists yours"));
  }
  co_return db_answer(std::move(build));
}

Answer<std::int64_t> number_parameter(std::string_view query, std::string_view name,
                                      std::int64_t fallback, std::int64_t max) {
  const std::string text = query_parameter(query, name);
  if (text.empty()) return fallback;
  const auto number = base::parse_int<std::int64_t>(text);
  if (number && *number >= 0 && *number <= max) return *number;
  return refuse(ApiCode::kInvalidRequest, concat(name, " must be a number from 0 to ", max));
}

Answer<void> check_digest(const std::string& digest) {
  if (is_digest(digest)) return {};
  return refuse(ApiCode::kInvalidRequest,
                "the digest must be the SHA-256 of the archive, in 64 lower-case digits");
}

// The lines of the log as they come, from one page to the next.
class LogStream {
 public:
  LogStream(Services& services, Call& call, std::int64_t after, std::int64_t limit)
      : services_(services), call_(call), after_(after), limit_(limit) {}

  Task<Answer<void>> once() {
    API_CO_TRY(co_await start());
    API_CO_TRY(co_await send_new());
    co_return client_answer(co_await call_.response().finish());
  }

  Task<Answer<void>> follow() {
    API_CO_TRY(co_await start());
    auto spoke_at = base::steady_now();
    while (true) {
      // What is over before its lines are read has no more of them afterwards.
      API_CO_TRY_ASSIGN(const db::Build build, co_await find_build(services_, call_));
      const std::int64_t before = after_;
      API_CO_TRY(co_await send_new());
      const bool is_all = after_ - before < limit_;
      if (db::is_over(build.status) && is_all) {
        json::object end{{"kind", "end"}, {"build", build_object(build)}};
        API_CO_TRY(client_answer(co_await call_.response().write(json::serialize(end) + "\n")));
        co_return client_answer(co_await call_.response().finish());
      }
      if (after_ != before) spoke_at = base::steady_now();
      if (base::steady_now() - spoke_at > kSilence) {
        API_CO_TRY(client_answer(co_await call_.response().write("\n")));
        spoke_at = base::steady_now();
      }
      if (!is_all) continue;
      if (const auto slept = co_await net::sleep_for(kLook); !slept) {
        co_return std::unexpected(from_client(slept.error()));
      }
    }
  }

 private:
  Task<Answer<void>> start() {
    co_return client_answer(
        co_await call_.response().start(200, call_.headers("application/x-ndjson")));
  }

  Task<Answer<void>> send_new() {
    API_CO_TRY_ASSIGN(const auto lines, db_answer(co_await services_.database_pool.run([&] {
                        return services_.builds.log(call_.param(0), after_,
                                                    static_cast<int>(limit_));
                      })));
    for (const db::BuildLogLine& line : lines) {
      API_CO_TRY(client_answer(co_await call_.response().write(log_line(line))));
      after_ = line.number;
    }
    co_return {};
  }

  Services& services_;
  Call& call_;
  std::int64_t after_;
  const std::int64_t limit_;
};

}  // namespace

std::string build_json(const db::Build& build) {
  return json::serialize(build_object(build));
}

ApiError from_build_files(const base::Error& error) {
  switch (error.code) {
    case base::Code::kInvalidArgument:
      return {ApiCode::kInvalidRequest, error.to_string()};
    case base::Code::kResourceExhausted:
      return {ApiCode::kTooLarge, error.to_string()};
    default:
      return {ApiCode::kInternalError, "the control plane could not keep the files"};
  }
}

Task<Answer<void>> create_build(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxBuildBody));
  API_CO_TRY_ASSIGN(const BuildDefinition definition, parse_build(body));
  API_CO_TRY_ASSIGN(const recipe::BuildPlan plan, plan_of(definition));
  call.note("name", concat(definition.name, ":", definition.tag));
  if (!definition.context.empty()) {
    const auto found = co_await services.build_pool.run(
        [&] { return services.contexts.find(call.team_id(), definition.context); });
    if (!found) co_return std::unexpected(from_build_files(found.error()));
    if (!*found) {
      co_return refuse(ApiCode::kNotFound,
                       concat("the files of the build are not here; send them first: PUT "
                              "/v1/builds/contexts/",
                              definition.context));
    }
  }
  auto made = co_await services.database_pool.run([&] {
    return services.builds.create({.id = {},
                                   .team_id = call.team_id(),
                                   .name = definition.name,
                                   .tag = definition.tag,
                                   .definition = body,
                                   .created_by = call.caller().id});
  });
  if (!made && made.error().code == base::Code::kResourceExhausted) {
    co_return refuse(ApiCode::kQuotaExceeded, made.error().to_string());
  }
  API_CO_TRY_ASSIGN(const db::Build build, db_answer(std::move(made)));
  call.set_resource_id(build.id);
  co_return co_await call.send_json(
      202, json::serialize(build_object(build, &plan)),
      net::Headers().with("Location", concat("/v1/builds/", build.id)));
}

Task<Answer<void>> list_builds(Services& services, Call& call) {
  const std::string_view text = call.request().query();
  const db::BuildQuery query{.after = query_parameter(text, "cursor"),
                             .name = query_parameter(text, "name"),
                             .limit = kPage};
  API_CO_TRY_ASSIGN(const auto builds, db_answer(co_await services.database_pool.run([&] {
                      return services.builds.list(call.team_id(), query);
                    })));
  json::array items;
  for (const db::Build& build : builds) items.push_back(build_object(build));
  co_return co_await call.send_json(200, json::serialize(items),
                                    next_page(call.request().path(), text, kPage, builds.size(),
                                              builds.empty() ? "" : builds.back().id));
}

Task<Answer<void>> get_build(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Build build, co_await find_build(services, call));
  co_return co_await call.send_json(200, build_json(build));
}

Task<Answer<void>> cancel_build(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Build build, co_await find_build(services, call));
  API_CO_TRY_ASSIGN(const bool canceled, db_answer(co_await services.database_pool.run([&] {
                      return services.builds.cancel(call.team_id(), build.id);
                    })));
  if (canceled) co_return co_await call.send_empty(204);
  co_return refuse(ApiCode::kInvalidState,
                   concat("build ", build.id, " is over (", db::status_name(build.status),
                          "); only one that is not can be canceled"));
}

Task<Answer<void>> build_logs(Services& services, Call& call) {
  const std::string_view query = call.request().query();
  constexpr std::int64_t kMaxNumber = 1LL << 53;
  API_CO_TRY_ASSIGN(const std::int64_t after, number_parameter(query, "after", 0, kMaxNumber));
  API_CO_TRY_ASSIGN(const std::int64_t limit, number_parameter(query, "limit", kLogPage, kLogPage));
  const std::string follow = query_parameter(query, "follow");
  if (!follow.empty() && follow != "true" && follow != "false") {
    co_return refuse(ApiCode::kInvalidRequest, "follow must be true or false");
  }
  API_CO_TRY(co_await find_build(services, call));
  LogStream stream(services, call, after, std::max<std::int64_t>(limit, 1));
  if (follow != "true") co_return co_await stream.once();
  co_return co_await until_client_leaves(call, stream.follow());
}

Task<Answer<void>> find_build_context(Services& services, Call& call) {
  const std::string digest = call.param(0);
  API_CO_TRY(check_digest(digest));
  const auto found = co_await services.build_pool.run(
      [&] { return services.contexts.find(call.team_id(), digest); });
  if (!found) co_return std::unexpected(from_build_files(found.error()));
  if (!*found) {
    co_return refuse(ApiCode::kNotFound, "these files are not here; PUT sends them");
  }
  co_return co_await call.send_json(
      200, json::serialize(json::object{{"digest", digest}, {"size_bytes", **found}}));
}

Task<Answer<void>> store_build_context(Services& services, Call& call) {
  const std::string digest = call.param(0);
  API_CO_TRY(check_digest(digest));
  if (call.request().content_length().value_or(0) > kMaxContextBytes) {
    co_return refuse(ApiCode::kTooLarge, concat("the files of a build must not be more than ",
                                                base::human_bytes(kMaxContextBytes)));
  }
  auto upload = co_await services.build_pool.run(
      [&] { return services.contexts.begin(call.team_id(), digest); });
  if (!upload) co_return std::unexpected(from_build_files(upload.error()));
  std::vector<char> buffer(std::size_t{256} << 10);
  while (true) {
    const auto n = co_await call.request().body().read(buffer);
    if (!n) co_return std::unexpected(from_client(n.error()));
    if (*n == 0) break;
    const auto written = co_await services.build_pool.run(
        [&] { return upload->write(std::string_view(buffer.data(), *n)); });
    if (!written) co_return std::unexpected(from_build_files(written.error()));
  }
  const auto size = co_await services.build_pool.run([&] { return upload->finish(); });
  if (!size) co_return std::unexpected(from_build_files(size.error()));
  co_return co_await call.send_json(
      201, json::serialize(json::object{{"digest", digest}, {"size_bytes", *size}}));
}

}  // namespace wrenn::control
