// Files and the token, through the real envd.
#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

class FileTest : public EnvdTest {
 public:
  std::string target(std::string_view name) const {
    return base::concat("/files?path=", base::percent_encode((dir.path() / name).native()));
  }

  Task<Result<void>> round_trip() {
    const std::string content = base::random_bytes(10'000'000);
    WRENN_CO_TRY_ASSIGN(const auto stored,
                        co_await send("POST", target("deep/er/file +%.bin"), content));
    EXPECT_EQ(stored.status, 200) << stored.body;
    EXPECT_EQ(stored.body, base::concat("[{\"path\":\"", dir.path().native(),
                                        "/deep/er/file +%.bin\",\"name\":\"file +%.bin\","
                                        "\"type\":\"file\"}]"));
    WRENN_CO_TRY_ASSIGN(const auto loaded, co_await send("GET", target("deep/er/file +%.bin")));
    EXPECT_EQ(loaded.status, 200);
    EXPECT_TRUE(loaded.body == content);
    WRENN_CO_TRY_ASSIGN(const auto empty, co_await send("POST", target("empty"), ""));
    EXPECT_EQ(empty.status, 200);
    WRENN_CO_TRY_ASSIGN(const auto nothing, co_await send("GET", target("empty")));
    EXPECT_EQ(nothing.status, 200);
    EXPECT_EQ(nothing.body, "");
    WRENN_CO_TRY_ASSIGN(const auto proc, co_await send("GET", "/files?path=/proc/self/status"));
    EXPECT_TRUE(proc.body.starts_with("Name:\tenvd")) << proc.body;
    co_return {};
  }

  Task<Result<void>> multipart() {
    const std::string body = base::concat(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
        (dir.path() / "one").native(),
        "\"\r\n\r\n1\r\n--b\r\nContent-Disposition: ", "form-data; name=\"file\"; filename=\"",
        (dir.path() / "two").native(), "\"\r\n\r\n22\r\n--b--\r\n");
    const auto type = [] {
      return net::Headers().with("Content-Type", "multipart/form-data; boundary=b");
    };
    WRENN_CO_TRY_ASSIGN(const auto both, co_await send("POST", "/files", body, type()));
    EXPECT_EQ(both.status, 200) << both.body;
    EXPECT_EQ(base::read_file(dir.path() / "two").value_or("missing"), "22");
    // Two parts for one path, and an upload that breaks off: nothing appears.
    WRENN_CO_TRY_ASSIGN(const auto twice, co_await send("POST", target("three"), body, type()));
    EXPECT_EQ(twice.status, 400);
    WRENN_CO_TRY_ASSIGN(const auto cut,
                        co_await send("POST", "/files?path=" + (dir.path() / "three").native(),
                                      body.substr(0, 120), type()));
    EXPECT_EQ(cut.status, 400);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 2);
    co_return {};
  }

  Task<Result<void>> refusals() {
    const std::array<std::pair<std::string, int>, 8> cases = {{
        {target("missing"), 404},
        {"/files?path=" + dir.path().native(), 400},
        {"/files?path=/dev/null", 400},
        {"/files?path=a%00b", 400},
        {"/files?path=" + std::string(10'000, 'a'), 400},
        {"/files?path=%zz", 400},
        {"/files", 400},
        {"/files?path=/etc/passwd&username=nobody-such", 401},
    }};
    for (const auto& [path, status] : cases) {
      WRENN_CO_TRY_ASSIGN(const auto get, co_await send("GET", path));
      EXPECT_EQ(get.status, status) << path.substr(0, 60) << get.body;
      if (path == cases[0].first) continue;
      WRENN_CO_TRY_ASSIGN(const auto post, co_await send("POST", path, "content"));
      EXPECT_EQ(post.status, status) << path.substr(0, 60) << post.body;
    }
    co_return {};
  }

  Task<Result<void>> ownership() {
    WRENN_CO_TRY_ASSIGN(const auto stored,
                        co_await send("POST", target("sub/file") + "&username=daemon", "x"));
    EXPECT_EQ(stored.status, 200) << stored.body;
    filesystem::StatRequest request;
    for (const char* name : {"sub", "sub/file"}) {
      request.set_path((dir.path() / name).native());
      WRENN_CO_TRY_ASSIGN(const auto stat, co_await client.unary<filesystem::StatResponse>(
                                               "/filesystem.Filesystem/Stat", request));
      EXPECT_EQ(stat.entry().owner(), "daemon") << name;
      EXPECT_EQ(stat.entry().group(), "daemon") << name;
    }
    EXPECT_EQ(base::read_file(dir.path() / "sub/file").value_or(""), "x");
    co_return {};
  }

  // The disk is a file system of 1 MB, in envd's own mount namespace no more than here.
  Task<Result<void>> full_disk() {
    const std::string path = (dir.path() / "full").native();
    const std::string script = "mkdir " + path + " && mount -t tmpfs -o size=1m none " + path;
    WRENN_CO_TRY_ASSIGN(const auto mounted, co_await exec(shell(script)));
    EXPECT_EQ(mounted.end.exit_code(), 0) << mounted.err;
    const std::string big(3'000'000, 'x');
    net::StringSource unknown_length(big);
    WRENN_CO_TRY_ASSIGN(auto chunked, co_await http.send({.method = "POST",
                                                          .target = target("full/big"),
                                                          .stream = &unknown_length}));
    EXPECT_EQ(chunked.status(), 507);
    WRENN_CO_TRY_ASSIGN(const auto stated, co_await send("POST", target("full/big"), big));
    EXPECT_EQ(stated.status, 507);
    EXPECT_TRUE(std::filesystem::is_empty(path));
    WRENN_CO_TRY_ASSIGN(const auto unmounted, co_await exec(shell("umount " + path)));
    EXPECT_EQ(unmounted.end.exit_code(), 0) << unmounted.err;
    co_return {};
  }
};

TEST_F(FileTest, RoundTrip) {
  run(&FileTest::round_trip);
}
TEST_F(FileTest, Multipart) {
  run(&FileTest::multipart);
}
TEST_F(FileTest, BadRequestsGetTheirStatus) {
  run(&FileTest::refusals);
}
TEST_F(FileTest, BelongsToTheUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&FileTest::ownership);
}
TEST_F(FileTest, FullDiskLeavesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&FileTest::full_disk);
}

class TokenTest : public EnvdTest {
 public:
  Task<Result<void>> token() {
    WRENN_CO_TRY_ASSIGN(const auto before, co_await send("GET", "/envs"));
    EXPECT_EQ(before.status, 200);
    EXPECT_EQ(before.body, "{}");
    const std::string body =
        base::concat(R"({"accessToken":"secret","envVars":{"K":"V"},"entropy":")",
                     base::to_base64(base::random_bytes(32)), R"(","timestamp":")",
                     base::rfc3339(base::unix_ms_now()), R"(","unknown":[1]})");
    WRENN_CO_TRY_ASSIGN(const auto init, co_await send("POST", "/init", body));
    EXPECT_EQ(init.status, 204) << init.body;
    for (const char* path : {"/envs", "/files?path=/etc/passwd", "/nothing"}) {
      WRENN_CO_TRY_ASSIGN(const auto refused, co_await send("GET", path));
      EXPECT_EQ(refused.status, 401) << path;
    }
    WRENN_CO_TRY_ASSIGN(const auto again, co_await send("POST", "/init", "{}"));
    EXPECT_EQ(again.status, 401);
    WRENN_CO_TRY_ASSIGN(
        const auto wrong,
        co_await send("GET", "/envs", "", net::Headers().with("X-Access-Token", "secreT")));
    EXPECT_EQ(wrong.status, 401);
    const auto call = co_await client.unary<process::ListResponse>("/process.Process/List",
                                                                   process::ListRequest());
    EXPECT_EQ(call.error().code, Code::kUnauthenticated);

    WRENN_CO_TRY_ASSIGN(const auto health, co_await send("GET", "/health"));
    EXPECT_EQ(health.status, 200);
    EXPECT_EQ(health.body, "{\"version\":\"" WRENN_VERSION "\"}");
    WRENN_CO_TRY_ASSIGN(
        const auto right,
        co_await send("GET", "/envs", "", net::Headers().with("X-Access-Token", "secret")));
    EXPECT_EQ(right.body, "{\"K\":\"V\"}");
    connect::Client known(http, {.headers = net::Headers().with("X-Access-Token", "secret")});
    const auto allowed = co_await known.unary<process::ListResponse>("/process.Process/List",
                                                                     process::ListRequest());
    EXPECT_TRUE(allowed);
    co_return {};
  }

  Task<Result<void>> bad_init() {
    for (const char* body :
         {"nonsense", R"({"defaultUser":"nobody-such"})", R"({"hostname":"a b"})",
          R"({"timestamp":"soon"})", R"({"envVars":{"A=B":""}})"}) {
      WRENN_CO_TRY_ASSIGN(const auto reply, co_await send("POST", "/init", body));
      EXPECT_EQ(reply.status, 400) << body;
      EXPECT_TRUE(reply.body.starts_with("{\"code\":400,")) << reply.body;
    }
    WRENN_CO_TRY_ASSIGN(const auto empty, co_await send("POST", "/init"));
    EXPECT_EQ(empty.status, 204);
    WRENN_CO_TRY_ASSIGN(const auto method, co_await send("PUT", "/init"));
    EXPECT_EQ(method.status, 405);
    WRENN_CO_TRY_ASSIGN(const auto path, co_await send("GET", "/nothing"));
    EXPECT_EQ(path.status, 404);
    co_return {};
  }
};

TEST_F(TokenTest, ClosesEveryRouteButHealth) {
  run(&TokenTest::token);
}
TEST_F(TokenTest, BadInitIsRefused) {
  run(&TokenTest::bad_init);
}

}  // namespace
}  // namespace wrenn::envd
