// The API over HTTP: commands, processes and files.
#include <gtest/gtest.h>

#include "control/test_world.h"

namespace wrenn::control {
namespace {

using net::Task;
using std::chrono::milliseconds;

void expect_error(const Got& got, int status, std::string_view code) {
  EXPECT_EQ(got.status, status) << got.body;
  EXPECT_TRUE(got.has(base::concat("{\"error\":{\"code\":\"", code, "\",\"message\":\"")))
      << got.body;
}

Task<void> check_exec(World& world) {
  const std::string exec = co_await world.new_sandbox() + "/exec";
  Got got = co_await world.call(
      "POST", exec,
      R"({"cmd":"run","args":["a"],"envs":{"K":"V"},"cwd":"/tmp","user":"root","timeout_sec":9})");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("cmd":"run","stdout":"hello\n","stderr":"oops\n","exit_code":3)"));
  EXPECT_TRUE(got.has(R"("encoding":"utf-8")")) << got.body;
  const auto& sent = world.agent.last_exec;
  EXPECT_EQ(sent.args(0), "a");
  EXPECT_EQ(sent.envs().at("K"), "V");
  EXPECT_TRUE(sent.cwd() == "/tmp" && sent.user() == "root" && sent.timeout_sec() == 9);

  got = co_await world.call("POST", exec, R"({"cmd":"binary"})");
  EXPECT_TRUE(got.has(R"("stdout":"//4=")") && got.has(R"("encoding":"base64")")) << got.body;
  got = co_await world.call("POST", exec, R"({"cmd":"much"})");
  EXPECT_TRUE(got.status == 200 && got.has(R"("truncated":true)"));
  EXPECT_TRUE(got.has(R"("stderr":"oops\n")"));
  expect_error(co_await world.call("POST", exec, R"({"cmd":"none"})"), 404, "not_found");
  got = co_await world.call("POST", exec, R"({"cmd":"late","timeout_sec":2})");
  expect_error(got, 502, "agent_error");
  EXPECT_TRUE(got.has("did not end within 2 s and was killed")) << got.body;
  expect_error(co_await world.call("POST", exec, "{}"), 400, "invalid_request");
}

TEST(ApiIoTest, CommandsInTheForeground) {
  World().run(check_exec);
}

Task<void> check_lines(World& world) {
  const std::string exec = co_await world.new_sandbox() + "/exec";
  const auto headers = net::Headers().with("Accept", "application/x-ndjson");
  Got got = co_await world.call("POST", exec, R"({"cmd":"run"})", headers);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.headers.find("content-type"), "application/x-ndjson");
  EXPECT_TRUE(
      got.body.starts_with("{\"type\":\"start\",\"pid\":7}\n"
                           "{\"type\":\"stdout\",\"data\":\"aGVsbG8K\"}\n"
                           "{\"type\":\"stderr\",\"data\":\"b29wcwo=\"}\n"
                           "{\"type\":\"exit\",\"exit_code\":3,\"duration_ms\":"))
      << got.body;
  expect_error(co_await world.call("POST", exec, R"({"cmd":"none"})", headers), 404, "not_found");
  got = co_await world.call("POST", exec, R"({"cmd":"late"})", headers);
  EXPECT_TRUE(got.status == 200 && got.has(R"({"type":"error","code":"agent_error")")) << got.body;
}

TEST(ApiIoTest, CommandsLineByLine) {
  World().run(check_lines);
}

Task<void> check_leaving(World& world, std::string accept) {
  const std::string exec = co_await world.new_sandbox() + "/exec";
  {
    auto stream = co_await net::connect(world.endpoint);
    EXPECT_TRUE(co_await (*stream)->write_all(
        base::concat("POST ", exec, " HTTP/1.1\r\nHost: a\r\nX-API-Key: ", world.key,
                     "\r\nAccept: ", accept, "\r\nContent-Length: 15\r\n\r\n{\"cmd\":\"sleep\"}")));
    EXPECT_TRUE(co_await eventually([&world] { return world.agent.last_exec.cmd() == "sleep"; }));
  }
  EXPECT_TRUE(co_await eventually([&world] { return world.agent.commands_cut > 0; }));
  EXPECT_EQ(world.agent.commands_cut, 1);
}

Task<void> check_leaving_lines(World& world) {
  return check_leaving(world, "application/x-ndjson");
}
Task<void> check_leaving_collected(World& world) {
  return check_leaving(world, "*/*");
}

TEST(ApiIoTest, AClientThatLeavesEndsItsCommand) {
  World().run(check_leaving_lines);
  World().run(check_leaving_collected);
}

Task<void> check_background(World& world) {
  const std::string path = co_await world.new_sandbox();
  Got got = co_await world.call("POST", path + "/exec",
                                R"({"cmd":"sleep","background":true,"envs":{"A":"b"}})");
  EXPECT_EQ(got.status, 202) << got.body;
  EXPECT_TRUE(got.has(R"("pid":42,"tag":"proc-)")) << got.body;
  EXPECT_EQ(world.agent.last_background.envs().at("A"), "b");
  got = co_await world.call("GET", path + "/processes");
  EXPECT_EQ(got.body, R"({"processes":[{"pid":42,"tag":"job","cmd":"sleep","args":["9"]}]})");
  EXPECT_EQ((co_await world.call("DELETE", path + "/processes/42?signal=SIGTERM")).status, 204);
  EXPECT_TRUE(world.agent.last_kill.pid() == 42 && world.agent.last_kill.signal() == "SIGTERM");
  EXPECT_EQ((co_await world.call("DELETE", path + "/processes/job")).status, 204);
  EXPECT_TRUE(world.agent.last_kill.tag() == "job" && world.agent.last_kill.signal() == "SIGKILL");
  expect_error(co_await world.call("DELETE", path + "/processes/99"), 404, "not_found");
  expect_error(co_await world.call("DELETE", path + "/processes/1?signal=NO"), 400,
               "invalid_request");
}

TEST(ApiIoTest, CommandsInTheBackground) {
  World().run(check_background);
}

struct Form {
  std::string body;
  Form& add(std::string_view name, std::string_view content) {
    body += base::concat("--xyz\r\nContent-Disposition: form-data; name=\"", name, "\"\r\n\r\n",
                         content, "\r\n");
    return *this;
  }
  std::string end() { return body + "--xyz--\r\n"; }
};

net::Headers form_headers() {
  return net::Headers().with("Content-Type", "multipart/form-data; boundary=xyz");
}

Task<void> check_files(World& world) {
  const std::string files = co_await world.new_sandbox() + "/files";
  const std::string content = std::string("\0\xff\r\n--xy", 8);
  for (const auto* way : {"/write", "/stream/write"}) {
    const Got got = co_await world.call("POST", files + way,
                                        Form().add("path", "/a b/../%c").add("file", content).end(),
                                        form_headers());
    EXPECT_EQ(got.status, 204) << got.body;
    EXPECT_EQ(world.agent.files["/a b/../%c"], content);
  }
  for (const auto* way : {"/read", "/stream/read"}) {
    const Got got = co_await world.call("POST", files + way, R"({"path":"/a b/../%c"})");
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, content);
    EXPECT_EQ(got.headers.find("content-type"), "application/octet-stream");
  }
  expect_error(co_await world.call("POST", files + "/read", R"({"path":"/none"})"), 404,
               "not_found");
  // A file cut on the way does not look whole.
  EXPECT_EQ((co_await world.call("POST", files + "/read", R"({"path":"/half"})")).status, 0);
  Got got = co_await world.call("POST", files + "/list", R"({"path":"/"})");
  EXPECT_TRUE(got.has(R"({"entries":[{"name":"a","path":"/tmp/a","type":"symlink","size":5,)"))
      << got.body;
  EXPECT_TRUE(got.has(R"("symlink_target":"b")"));
  expect_error(co_await world.call("POST", files + "/list", R"({"path":"/none"})"), 404,
               "not_found");
  EXPECT_TRUE((co_await world.call("POST", files + "/mkdir", R"({"path":"/x"})"))
                  .body.starts_with("{\"entry\":{"));
  expect_error(co_await world.call("POST", files + "/mkdir", R"({"path":"/tmp"})"), 409,
               "conflict");
  EXPECT_EQ((co_await world.call("POST", files + "/remove", R"({"path":"/a b/../%c"})")).status,
            204);
}

TEST(ApiIoTest, Files) {
  World().run(check_files);
}

Task<void> check_bad_uploads(World& world) {
  const std::string write = co_await world.new_sandbox() + "/files/write";
  const std::pair<std::string, std::string_view> cases[] = {
      {Form().add("file", "x").add("path", "/a").end(), "path must come before file"},
      {Form().add("path", "/a").end(), "no field named file"},
      {Form().add("path", "").add("file", "x").end(), "path must come before file"},
      {Form().add("path", std::string_view("a\0b", 3)).add("file", "x").end(), "NUL"},
      {Form().add("path", std::string(10'000, 'a')).add("file", "x").end(), "longer than"},
      {Form().add("path", "/a").add("user", "a b").add("file", "x").end(), "user"},
      {Form().add("path", "/a").add("file", "x").body, "closing boundary"},
      {"garbage", "boundary"},
  };
  for (const auto& [body, expected] : cases) {
    const Got got = co_await world.call("POST", write, body, form_headers());
    expect_error(got, 400, "invalid_request");
    EXPECT_TRUE(got.has(expected)) << got.body;
  }
  expect_error(co_await world.call("POST", write, "{}"), 400, "invalid_request");
  EXPECT_TRUE(co_await eventually([&world] { return world.agent.cut_uploads > 0; }));
  EXPECT_EQ(world.agent.cut_uploads, 1u);
  EXPECT_TRUE(world.agent.files.empty());
}

TEST(ApiIoTest, UploadsThatAreNotWellFormed) {
  World().run(check_bad_uploads);
}

// A form with a file of `size` bytes that nobody ever holds as a whole.
class LargeForm final : public net::ByteSource {
 public:
  explicit LargeForm(std::uint64_t size) : left_(size) {}
  Task<base::Result<std::size_t>> read(std::span<char> buffer) override {
    if (text_.empty() && left_ > 0) {
      const auto n = std::min<std::uint64_t>(left_, buffer.size());
      std::fill_n(buffer.begin(), n, 'f');
      left_ -= n;
      if (left_ == 0) text_ = "\r\n--xyz--\r\n";
      co_return static_cast<std::size_t>(n);
    }
    const std::size_t n = text_.copy(buffer.data(), buffer.size());
    text_.remove_prefix(n);
    co_return n;
  }

 private:
  std::string_view text_ =
      "--xyz\r\nContent-Disposition: form-data; name=path\r\n\r\n/big\r\n"
      "--xyz\r\nContent-Disposition: form-data; name=file\r\n\r\n";
  std::uint64_t left_;
};

Task<int> upload(World& world, std::string target, std::uint64_t size, std::string* body) {
  LargeForm form(size);
  net::HttpClient client(world.endpoint, {});
  auto response = co_await client.send({.method = "POST",
                                        .target = std::move(target),
                                        .headers = form_headers().with("X-API-Key", world.key),
                                        .stream = &form});
  if (!response) co_return 0;
  *body = (co_await net::read_all(*response, 1 << 20)).value_or("");
  co_return response->status();
}

Task<void> check_large(World& world) {
  const std::string files = co_await world.new_sandbox() + "/files";
  constexpr std::uint64_t kSize = 110u << 20;
  std::string body;
  EXPECT_EQ(co_await upload(world, files + "/write", kSize, &body), 413);
  EXPECT_NE(body.find("files/stream/write"), std::string::npos) << body;
  EXPECT_FALSE(world.agent.files.contains("/big"));
  EXPECT_EQ(co_await upload(world, files + "/stream/write", kSize, &body), 204);
  EXPECT_EQ(world.agent.largest_upload, kSize);
}

TEST(ApiIoTest, LargeFilesPassThrough) {
  World().run(check_large);
}

}  // namespace
}  // namespace wrenn::control
