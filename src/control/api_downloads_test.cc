// Downloads of browsers and moved files, over HTTP.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/api/download_links.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Headers;
using net::Task;

// As a browser has it: no key.
Task<Got> fetch(World& world, std::string target, std::string method = "GET") {
  co_return co_await world.call(std::move(method), std::move(target), {},
                                Headers().with("X-API-Key", "none"));
}

Task<std::string> url_of(World& world, std::string sandbox, std::string path) {
  const Got got = co_await world.call("POST", sandbox + "/files/download-url",
                                      concat(R"({"path":")", path, R"("})"));
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("expires_at":"20)")) << got.body;
  const auto at = got.body.find(kDownloads);
  if (at == std::string::npos) co_return "";
  co_return got.body.substr(at, got.body.find('"', at) - at);
}

Task<void> check_files(World& world) {
  const std::string sandbox = co_await world.new_sandbox();
  world.agent.files["/tmp/\xc3\xa4.txt"] = "content";
  const std::string url = co_await url_of(world, sandbox, "/tmp/\xc3\xa4.txt");
  Got got = co_await fetch(world, url);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(got.body, "content");
  EXPECT_EQ(got.headers.find("content-type"), "application/octet-stream");
  EXPECT_EQ(got.headers.find("content-length"), "7");
  EXPECT_EQ(got.headers.find("content-disposition"),
            "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A4.txt");
  EXPECT_EQ(got.headers.find("x-content-type-options"), "nosniff");
  EXPECT_TRUE(got.headers.find("content-security-policy")->starts_with("sandbox;"));
  EXPECT_EQ(got.headers.find("cache-control"), "no-store");
  got = co_await fetch(world, url, "HEAD");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "");
  // What is not there is said before.
  got = co_await world.call("POST", sandbox + "/files/download-url", R"({"path":"/none"})");
  EXPECT_EQ(got.status, 404) << got.body;
  world.agent.files.clear();
  EXPECT_EQ((co_await fetch(world, url)).status, 404);
}

TEST(ApiDownloadsTest, AFileIsAnAttachment) {
  World().run(check_files);
}

Task<void> check_directories(World& world) {
  const std::string sandbox = co_await world.new_sandbox();
  const std::string url = co_await url_of(world, sandbox, "/dir");
  Got got = co_await fetch(world, url);
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(got.body, "an archive");
  EXPECT_EQ(got.headers.find("content-type"), "application/gzip");
  EXPECT_EQ(got.headers.find("content-disposition"),
            "attachment; filename=\"dir.tar.gz\"; filename*=UTF-8''dir.tar.gz");
  EXPECT_EQ(world.agent.last_exec.user(), "root");
  EXPECT_EQ((co_await fetch(world, url, "HEAD")).status, 200);
  world.agent.archive_exit = 1;  // Something changed while it was read.
  EXPECT_EQ((co_await fetch(world, url)).status, 200);
  world.agent.archive_exit = 2;
  EXPECT_EQ((co_await fetch(world, url)).status, 0) << "cut, so that it does not look whole";
  got = co_await fetch(world, co_await url_of(world, sandbox, "/no-dir"));
  EXPECT_EQ(got.status, 400);
  EXPECT_TRUE(got.has("is no file")) << got.body;
}

TEST(ApiDownloadsTest, ADirectoryIsAnArchive) {
  World().run(check_directories);
}

Task<void> check_paused(World& world) {
  const std::string sandbox = co_await world.new_sandbox();
  world.agent.files["/a"] = "content";
  const std::string url = co_await url_of(world, sandbox, "/a");
  EXPECT_EQ((co_await world.call("POST", sandbox + "/pause", "{}")).status, 200);
  const Got got = co_await fetch(world, url);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "content");
}

TEST(ApiDownloadsTest, APausedSandboxIsResumed) {
  World().run(check_paused);
}

Task<void> check_refusals(World& world) {
  const std::string sandbox = co_await world.new_sandbox();
  const std::string id = sandbox.substr(sandbox.rfind('/') + 1);
  world.agent.files["/a"] = "content";
  const std::string url = co_await url_of(world, sandbox, "/a");
  for (const std::string& target : {url.substr(0, url.size() - 1), url + "0",
                                    concat(kDownloads, "nonsense"), concat(kDownloads, "a.b")}) {
    const Got got = co_await fetch(world, target);
    EXPECT_EQ(got.status, 403) << target;
    EXPECT_TRUE(got.has("forbidden")) << got.body;
  }
  const auto link = [&](std::string_view team, std::int64_t good_for_sec) {
    const DownloadTarget target{
        .team_id = std::string(team), .sandbox_id = id, .user = {}, .path = "/a"};
    return concat(kDownloads, download_token(world.access_key, target,
                                             base::unix_ms_now() / 1000 + good_for_sec));
  };
  EXPECT_EQ((co_await fetch(world, link(db::kDefaultTeam, 60))).status, 200);
  EXPECT_EQ((co_await fetch(world, link(db::kDefaultTeam, 0))).status, 403) << "its time is over";
  EXPECT_EQ((co_await fetch(world, link("team-0000000000000000000000009", 60))).status, 404)
      << "of another team";
  EXPECT_EQ((co_await world.call("POST", sandbox + "/files/download-url", "{}")).status, 400);
}

TEST(ApiDownloadsTest, NobodyElsesAreServed) {
  World().run(check_refusals);
}

Task<void> check_moves(World& world) {
  const std::string files = co_await world.new_sandbox() + "/files";
  world.agent.files["/a"] = "content";
  Got got = co_await world.call("POST", files + "/move", R"({"from":"/a","to":"/b/c"})");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.body.starts_with("{\"entry\":{")) << got.body;
  EXPECT_EQ(world.agent.files["/b/c"], "content");
  EXPECT_EQ((co_await world.call("POST", files + "/move", R"({"from":"/a","to":"/b"})")).status,
            404);
  for (const auto* body : {"{}", R"({"from":"/a"})", R"({"from":"","to":"/b"})", R"({"to":7})"}) {
    EXPECT_EQ((co_await world.call("POST", files + "/move", body)).status, 400) << body;
  }
  EXPECT_TRUE(co_await world.audit.flush());
  const auto entries = world.audit_store.list({.actions = {"capsule.move_path"}}).value();
  EXPECT_TRUE(std::ranges::any_of(entries, [](const db::AuditEntry& entry) {
    return entry.metadata == R"({"from":"/a","to":"/b/c"})";
  }));
}

TEST(ApiDownloadsTest, FilesAreMoved) {
  World().run(check_moves);
}

}  // namespace
}  // namespace wrenn::control
