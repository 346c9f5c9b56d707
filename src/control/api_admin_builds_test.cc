// The platform's builds over HTTP: who may have them, and what clients of the reference system get.
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "control/builds/build_definition.h"
#include "control/test_people.h"
#include "control/test_world.h"
#include "net/gzip.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

constexpr const char* kPath = "/v1/admin/builds";
constexpr const char* kConfig = R"({"name":"app","recipe":["RUN true","COPY a /a"],"vcpus":2,)"
                                R"("healthcheck":"--retries=3 true","skip_pre_post":true})";

std::string tar() {
  std::string out;
  recipe::append_tar_header(out, {.path = "a", .mode = 0644, .size = 1});
  out += "x";
  recipe::append_tar_padding(out, 1);
  recipe::append_tar_end(out);
  return out;
}

std::string id_of(const Got& got) {
  const auto at = got.body.find(db::kBuildPrefix);
  return got.body.substr(at, got.body.find('"', at) - at);
}

Task<Got> send_form(World& world, const Headers& who, std::string_view config,
                    std::string_view archive) {
  const auto part = [](std::string_view name, std::string_view more, std::string_view content) {
    return concat("--line\r\nContent-Disposition: form-data; name=\"", name, "\"", more, "\r\n\r\n",
                  content, "\r\n");
  };
  std::string body = part("archive", "; filename=\"files\"", archive);
  if (!config.empty()) body += part("config", "", config);
  body += "--line--\r\n";
  co_return co_await world.call(
      "POST", kPath, std::move(body),
      Headers(who).with("Content-Type", "multipart/form-data; boundary=line"));
}

Task<void> check_who(World& world) {
  const Headers admin = bearer(admin_token(world));
  const Other other = other_team(world);
  const Got made =
      co_await world.call("POST", kPath, R"({"name":"app","recipe":["RUN true"]})", admin);
  EXPECT_EQ(made.status, 201) << made.body;
  const std::string one = concat(kPath, "/", id_of(made));
  const std::pair<const char*, std::string> calls[] = {
      {"POST", kPath}, {"GET", kPath}, {"GET", one}, {"POST", one + "/cancel"}};
  for (const auto& [method, path] : calls) {
    for (const Headers& who : {other.key, Headers()}) {
      EXPECT_EQ((co_await world.call(method, path, "{}", who)).status, 403)
          << method << " " << path;
    }
    const Headers nobody = Headers().with("X-API-Key", "");
    EXPECT_EQ((co_await world.call(method, path, "{}", nobody)).status, 401) << path;
  }
  // It is of the platform's team, whatever team the administrator works in.
  EXPECT_EQ(world.builds.list(db::kDefaultTeam, {.after = {}, .name = {}, .limit = 9})->size(), 1u);
  EXPECT_EQ((co_await world.call("GET", "/v1/builds", {}, other.key)).body, "[]");
}

Task<void> check_fields(World& world) {
  const Headers admin = bearer(admin_token(world));
  const Got made = co_await send_form(world, admin, kConfig, net::gzip(tar()));
  EXPECT_EQ(made.status, 201) << made.body;
  const std::string id = id_of(made);
  EXPECT_EQ(made.headers.find("location"), concat(kPath, "/", id));
  for (const char* part :
       {R"("name":"app","base_template":"minimal","recipe":["RUN true","COPY a /a"])",
        R"("healthcheck":"--retries=3 true","vcpus":2,"memory_mb":512,"status":"pending")",
        R"("current_step":0,"total_steps":2,"logs":[],"default_user":"root","default_env":{})"}) {
    EXPECT_TRUE(made.has(part)) << made.body;
  }
  // It is what POST /v1/builds would have been sent, with the files as they are unpacked.
  const auto kept = world.builds.get(db::kDefaultTeam, id).value();
  const auto definition = parse_build(kept.definition).value();
  EXPECT_FALSE(definition.has_phases);
  EXPECT_EQ(definition.context, base::sha256_hex(tar()));
  EXPECT_TRUE(world.contexts.open(db::kDefaultTeam, definition.context));

  EXPECT_TRUE(world.builds.append_log(id, {{.step = 1, .kind = "step", .text = "RUN true"},
                                           {.step = 1, .kind = "stdout", .text = "said\n"},
                                           {.step = 1, .kind = "done", .text = "0.1 s"},
                                           {.step = 2, .kind = "step", .text = "COPY a /a"}}));
  const Got got = co_await world.call("GET", concat(kPath, "/", id), {}, admin);
  EXPECT_TRUE(got.has(R"("logs":[{"step":1,"phase":"recipe","cmd":"RUN true","stdout":"said\n",)"
                      R"("stderr":"","exit":0,"ok":true,"elapsed_ms":)"))
      << got.body;
  EXPECT_FALSE(got.has(R"("step":2)")) << "it has not ended";
  const Got list = co_await world.call("GET", kPath, {}, admin);
  EXPECT_TRUE(list.has(id) && list.has(R"("logs":[])")) << list.body;

  EXPECT_EQ((co_await world.call("POST", concat(kPath, "/", id, "/cancel"), {}, admin)).status,
            204);
  EXPECT_EQ((co_await world.call("POST", concat(kPath, "/", id, "/cancel"), {}, admin)).status,
            400);
  EXPECT_TRUE((co_await world.call("GET", concat(kPath, "/", id), {}, admin))
                  .has(R"("status":"cancelled")"));
  EXPECT_EQ((co_await world.call("GET", concat(kPath, "/bld-none"), {}, admin)).status, 404);
}

Task<void> check_mistakes(World& world) {
  const Headers admin = bearer(admin_token(world));
  const std::pair<std::string, const char*> bodies[] = {
      {R"({"name":"app","recipe":[]})", "recipe must be"},
      {R"({"name":"a b","recipe":["RUN true"]})", "name must"},
      {R"({"name":"app","recipe":["NOPE"]})", "NOPE"},
      {R"({"name":"app","recipe":["RUN x"],"healthcheck":"--nope=1 x"})", "ready_check"},
      {R"({"name":"app","recipe":["RUN x"],"vcpus":99})", "vcpus"},
  };
  for (const auto& [body, says] : bodies) {
    const Got got = co_await world.call("POST", kPath, body, admin);
    EXPECT_EQ(got.status, 400) << got.body;
    EXPECT_TRUE(got.has(says)) << got.body;
  }
  Got got = co_await send_form(world, admin, "", tar());
  EXPECT_TRUE(got.status == 400 && got.has("config")) << got.body;
  got = co_await send_form(world, admin, kConfig, std::string("PK\x03\x04 and so on"));
  EXPECT_TRUE(got.status == 400 && got.has("tar -czf")) << got.body;
  got = co_await send_form(world, admin, kConfig, "no archive at all");
  EXPECT_TRUE(got.status == 400 && got.has("archive: ")) << got.body;
  const std::string cut = net::gzip(tar());
  got = co_await send_form(world, admin, kConfig, std::string_view(cut).substr(0, cut.size() - 9));
  EXPECT_TRUE(got.status == 400 && got.has("archive: ")) << got.body;
  EXPECT_EQ((co_await world.call("GET", kPath, {}, admin)).body, "[]");
}

TEST(ApiAdminBuilds, AreForAdministratorsAlone) {
  World().run(check_who);
}
TEST(ApiAdminBuilds, HaveTheFieldsOfTheReferenceSystem) {
  World().run(check_fields);
}
TEST(ApiAdminBuilds, SayWhatIsWrongWithThem) {
  World().run(check_mistakes);
}

}  // namespace
}  // namespace wrenn::control
