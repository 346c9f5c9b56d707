#include "control/api/admin_builds.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/strings.h"
#include "control/api/admin_build_replies.h"
#include "control/api/builds.h"
#include "control/api/form.h"
#include "control/api/json_fields.h"
#include "control/api/listing.h"
#include "control/api/requests.h"
#include "control/services.h"
#include "db/team.h"
#include "net/gzip.h"
#include "recipe/dockerfile.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
using Kind = net::MultipartEvent::Kind;
namespace json = boost::json;

constexpr int kPage = 50;
constexpr int kLogPage = 1000;

// The fields of the reference system, as POST /v1/builds has them.
Answer<json::object> to_definition(std::string_view config) {
  JsonFields fields(config, "config");
  json::object out;
  out["name"] = fields.text("name", {Presence::kRequired, 4096});
  json::array recipe;
  for (auto& line : fields.texts("recipe", recipe::kMaxInstructions)) {
    recipe.emplace_back(std::move(line));
  }
  if (recipe.empty()) fields.fail("recipe must be a list of lines, of which there is at least one");
  out["recipe"] = std::move(recipe);
  out["base_template"] = fields.text("base_template", {});
  out["ready_check"] = fields.text("healthcheck", {});
  if (const auto vcpus = fields.optional_integer("vcpus", 1, 32)) out["vcpus"] = *vcpus;
  if (const auto memory = fields.optional_integer("memory_mb", 128, 64 * 1024)) {
    out["memory_mb"] = *memory;
  }
  out["skip_pre_post"] = fields.boolean("skip_pre_post", false);
  API_TRY(fields.status());
  return out;
}

// The bytes of an archive, of which the first were looked at already.
class ArchiveSource final : public net::ByteSource {
 public:
  explicit ArchiveSource(net::ByteSource& content) : content_(content) {}

  // Its first bytes, fewer only when it has no more.
  Task<base::Result<std::string_view>> look(std::size_t size) {
    std::string buffer(size, '\0');
    while (head_.size() < size) {
      WRENN_CO_TRY_ASSIGN(const std::size_t n,
                          co_await content_.read({buffer.data(), size - head_.size()}));
      if (n == 0) break;
      head_.append(buffer, 0, n);
    }
    left_ = head_;
    co_return left_;
  }

  Task<base::Result<std::size_t>> read(std::span<char> buffer) override {
    std::size_t n = left_.copy(buffer.data(), buffer.size());
    left_.remove_prefix(n);
    if (n == 0) {
      WRENN_CO_TRY_ASSIGN(n, co_await content_.read(buffer));
    }
    // What is packed may go on without end and come to nothing.
    bytes_ += n;
    if (bytes_ > kMaxContextBytes) {
      co_return base::fail(
          base::Code::kResourceExhausted,
          concat("archive must not be more than ", base::human_bytes(kMaxContextBytes)));
    }
    co_return n;
  }

 private:
  net::ByteSource& content_;
  std::string head_;
  std::string_view left_;
  std::uint64_t bytes_ = 0;
};

ApiError from_archive(const base::Error& error) {
  if (error.code == base::Code::kInvalidArgument || error.code == base::Code::kDataLoss) {
    return {ApiCode::kInvalidRequest, concat("archive: ", error.to_string())};
  }
  return from_build_files(error);
}

Task<base::Result<void>> copy(Services& services, net::ByteSource& from, ContextStore::Upload& to) {
  std::vector<char> buffer(std::size_t{256} << 10);
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await from.read(buffer));
    if (n == 0) co_return {};
    WRENN_CO_TRY(co_await services.build_pool.run(
        [&] { return to.write(std::string_view(buffer.data(), n)); }));
  }
}

// The part has begun. Its digest, under which it is kept.
Task<Answer<std::string>> store_archive(Services& services, FormReader& form) {
  auto upload = co_await services.build_pool.run(
      [&] { return services.contexts.begin(db::kDefaultTeam, {}); });
  if (!upload) co_return std::unexpected(from_archive(upload.error()));
  PartContent content(form);
  ArchiveSource archive(content);
  const auto head = co_await archive.look(4);
  base::Result<void> copied;
  if (!head) {
    copied = base::fail(head.error());
  } else if (head->starts_with("PK\x03\x04")) {
    co_return refuse(ApiCode::kInvalidRequest,
                     "archive is a zip; send a tar, packed by gzip or not: tar -czf archive.tar.gz "
                     "-C DIRECTORY .");
  } else if (head->starts_with("\x1f\x8b")) {
    net::GunzipSource unpacked(archive);
    copied = co_await copy(services, unpacked, *upload);
  } else {
    copied = co_await copy(services, archive, *upload);
  }
  if (content.mistake()) co_return std::unexpected(*content.mistake());
  if (!copied) co_return std::unexpected(from_archive(copied.error()));
  const auto size = co_await services.build_pool.run([&] { return upload->finish(); });
  if (!size) co_return std::unexpected(from_archive(size.error()));
  co_return upload->digest();
}

struct Received {
  std::string config;
  std::string digest;  // Empty: without files.
};

Task<Answer<Received>> receive(Services& services, Call& call) {
  const auto type = call.request().headers().find("content-type").value_or(std::string_view());
  if (!base::to_lower(std::string(type)).starts_with("multipart/")) {
    API_CO_TRY_ASSIGN(std::string config, co_await call.read_body(kMaxBuildBody));
    co_return Received{std::move(config), {}};
  }
  const auto boundary = net::multipart_boundary(type);
  if (!boundary) co_return std::unexpected(from_client(boundary.error()));
  // Each part has a limit of its own.
  FormReader form(call.request().body(), *boundary, 0);
  std::optional<std::string> config;
  std::string digest;
  while (true) {
    API_CO_TRY_ASSIGN(const net::MultipartEvent event, co_await form.next());
    if (event.kind == Kind::kEnd) break;
    if (event.kind != Kind::kPart) continue;
    if (event.part.name == "config") {
      API_CO_TRY_ASSIGN(config, co_await form.read_text("config", kMaxBuildBody));
    } else if (event.part.name == "archive") {
      API_CO_TRY_ASSIGN(digest, co_await store_archive(services, form));
    }
  }
  if (config) co_return Received{*std::move(config), std::move(digest)};
  co_return refuse(ApiCode::kInvalidRequest,
                   "the form has no field named config, which is the build as JSON");
}

Task<Answer<db::Build>> find_platform_build(Services& services, Call& call) {
  const std::string id = call.param(0);
  auto build = co_await services.database_pool.run(
      [&] { return services.builds.get(db::kDefaultTeam, id); });
  if (!build && build.error().code == base::Code::kNotFound) {
    co_return refuse(ApiCode::kNotFound, concat("the platform has no build ", id,
                                                "; GET /v1/admin/builds lists what it has"));
  }
  co_return db_answer(std::move(build));
}

// As it is in the database, with what it made.
class Shown {
 public:
  Shown(db::Build build, std::optional<db::Template> made)
      : build_(std::move(build)), made_(std::move(made)) {
    if (auto definition = parse_build(build_.definition)) definition_ = *std::move(definition);
    if (auto plan = plan_of(definition_)) plan_ = *std::move(plan);
  }

  json::object object() const {
    return admin_build_object(build_, definition_, plan_ ? &*plan_ : nullptr,
                              made_ ? &*made_ : nullptr);
  }
  json::array logs(const std::vector<db::BuildLogLine>& lines) const {
    return admin_build_logs(build_, plan_ ? &*plan_ : nullptr, lines);
  }

 private:
  db::Build build_;
  std::optional<db::Template> made_;
  BuildDefinition definition_;
  std::optional<recipe::BuildPlan> plan_;
};

std::optional<db::Template> template_of(const std::vector<db::Template>& templates,
                                        const db::Build& build) {
  const auto made = std::ranges::find(templates, build.template_id, &db::Template::id);
  if (build.template_id.empty() || made == templates.end()) return std::nullopt;
  return *made;
}

// On a pool thread.
base::Result<std::vector<db::BuildLogLine>> whole_log(Services& services, const std::string& id) {
  std::vector<db::BuildLogLine> lines;
  while (true) {
    const std::int64_t after = lines.empty() ? 0 : lines.back().number;
    WRENN_TRY_ASSIGN(auto page, services.builds.log(id, after, kLogPage));
    std::ranges::move(page, std::back_inserter(lines));
    if (page.size() < static_cast<std::size_t>(kLogPage)) return lines;
  }
}

}  // namespace

Task<Answer<void>> create_admin_build(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const Received received, co_await receive(services, call));
  API_CO_TRY_ASSIGN(json::object wanted, to_definition(received.config));
  if (!received.digest.empty()) wanted["context"] = received.digest;
  const std::string text = json::serialize(wanted);
  API_CO_TRY_ASSIGN(const BuildDefinition definition, parse_build(text));
  API_CO_TRY(plan_of(definition));
  call.note("name", concat(definition.name, ":", definition.tag));
  auto made = co_await services.database_pool.run([&] {
    return services.builds.create({.id = {},
                                   .team_id = std::string(db::kDefaultTeam),
                                   .name = definition.name,
                                   .tag = definition.tag,
                                   .definition = text,
                                   .created_by = call.caller().id});
  });
  if (!made && made.error().code == base::Code::kResourceExhausted) {
    co_return refuse(ApiCode::kQuotaExceeded, made.error().to_string());
  }
  API_CO_TRY_ASSIGN(const db::Build build, db_answer(std::move(made)));
  call.set_resource_id(build.id);
  const Shown shown(build, std::nullopt);
  co_return co_await call.send_json(
      201, json::serialize(shown.object()),
      net::Headers().with("Location", concat("/v1/admin/builds/", build.id)));
}

Task<Answer<void>> list_admin_builds(Services& services, Call& call) {
  const std::string_view text = call.request().query();
  const db::BuildQuery query{.after = query_parameter(text, "cursor"), .name = {}, .limit = kPage};
  std::vector<db::Template> templates;
  API_CO_TRY_ASSIGN(
      const auto builds,
      db_answer(co_await services.database_pool.run([&]() -> base::Result<std::vector<db::Build>> {
        WRENN_TRY_ASSIGN(templates, services.templates.list(db::kDefaultTeam));
        return services.builds.list(db::kDefaultTeam, query);
      })));
  json::array items;
  for (const db::Build& build : builds) {
    items.push_back(Shown(build, template_of(templates, build)).object());
  }
  co_return co_await call.send_json(200, json::serialize(items),
                                    next_page(call.request().path(), text, kPage, builds.size(),
                                              builds.empty() ? "" : builds.back().id));
}

Task<Answer<void>> get_admin_build(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Build build, co_await find_platform_build(services, call));
  std::vector<db::Template> versions;
  API_CO_TRY_ASSIGN(
      const auto lines,
      db_answer(
          co_await services.database_pool.run([&]() -> base::Result<std::vector<db::BuildLogLine>> {
            WRENN_TRY_ASSIGN(versions, services.templates.versions(db::kDefaultTeam, build.name));
            return whole_log(services, build.id);
          })));
  const Shown shown(build, template_of(versions, build));
  json::object out = shown.object();
  out["logs"] = shown.logs(lines);
  co_return co_await call.send_json(200, json::serialize(out));
}

Task<Answer<void>> cancel_admin_build(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Build build, co_await find_platform_build(services, call));
  API_CO_TRY_ASSIGN(const bool canceled, db_answer(co_await services.database_pool.run([&] {
                      return services.builds.cancel(db::kDefaultTeam, build.id);
                    })));
  if (canceled) co_return co_await call.send_empty(204);
  // The status that these clients know.
  co_return refuse(ApiCode::kInvalidRequest,
                   concat("build ", build.id, " is over; only one that is not can be canceled"));
}

}  // namespace wrenn::control
