// The plain HTTP routes, through the real envd: what clients other than the host's agent rely on.
#include <fcntl.h>
#include <sys/stat.h>

#include "envd/envd_fixture.h"
#include "envd/file_signature.h"
#include "net/gzip.h"
#include "net/stream.h"

namespace wrenn::envd {
namespace {

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;

  std::string field(std::string_view name) const {
    return std::string(headers.find(name).value_or("none"));
  }
};

using Fields = std::vector<std::pair<std::string, std::string>>;

class HttpTest : public EnvdTest {
 public:
  std::string path(std::string_view name) const { return (dir.path() / name).native(); }
  std::string target(std::string_view name) const {
    return base::concat("/files?path=", base::percent_encode(path(name)));
  }
  void put(std::string_view name, std::string_view content) const {
    EXPECT_TRUE(base::write_file_atomic(path(name), content));
  }
  std::string content(std::string_view name) const {
    return base::read_file(path(name)).value_or("missing");
  }
  std::ptrdiff_t count_files() const {
    return std::distance(std::filesystem::directory_iterator(dir.path()), {});
  }

  Task<Result<Answer>> ask(std::string method, std::string where, Fields fields = {},
                           std::string body = "") {
    net::Headers headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    WRENN_CO_TRY_ASSIGN(auto response, co_await http.send({std::move(method), std::move(where),
                                                           std::move(headers), std::move(body)}));
    Answer answer{response.status(), response.headers(), {}};
    WRENN_CO_TRY_ASSIGN(answer.body, co_await net::read_all(response, 64u << 20));
    co_return answer;
  }
  Task<Result<Answer>> get(std::string_view name, Fields fields = {}) {
    return ask("GET", target(name), std::move(fields));
  }
  Task<Result<Answer>> post(std::string where, std::string body, Fields fields = {}) {
    return ask("POST", std::move(where), std::move(fields), std::move(body));
  }

  // Both a file that is sent from memory and one that the kernel sends.
  Task<Result<void>> ranges() {
    for (const std::size_t size : {1000U, 300'000U}) {
      const std::string text = base::random_bytes(size);
      put("file", text);
      WRENN_CO_TRY_ASSIGN(const auto part, co_await get("file", {{"Range", "bytes=10-19"}}));
      EXPECT_EQ(part.status, 206);
      EXPECT_TRUE(part.body == text.substr(10, 10));
      EXPECT_EQ(part.field("content-range"), base::concat("bytes 10-19/", size));
      EXPECT_EQ(part.field("content-length"), "10");
      WRENN_CO_TRY_ASSIGN(const auto tail, co_await get("file", {{"Range", "bytes=-700"}}));
      EXPECT_TRUE(tail.body == text.substr(size - 700));
      WRENN_CO_TRY_ASSIGN(const auto rest, co_await get("file", {{"Range", "bytes=100-"}}));
      EXPECT_TRUE(rest.body == text.substr(100));
      WRENN_CO_TRY_ASSIGN(const auto several, co_await get("file", {{"Range", "bytes=0-1,5-6"}}));
      EXPECT_EQ(several.status, 200);
      EXPECT_TRUE(several.body == text);
      WRENN_CO_TRY_ASSIGN(const auto beyond, co_await get("file", {{"Range", "bytes=400000-"}}));
      EXPECT_EQ(beyond.status, 416);
      EXPECT_EQ(beyond.field("content-range"), base::concat("bytes */", size));
      WRENN_CO_TRY_ASSIGN(const auto zipped, co_await get("file", {{"Range", "bytes=0-3"},
                                                                   {"Accept-Encoding", "gzip"}}));
      EXPECT_EQ(zipped.status, 206);
      EXPECT_EQ(zipped.field("content-encoding"), "none");
      WRENN_CO_TRY_ASSIGN(const auto head, co_await ask("HEAD", target("file")));
      EXPECT_EQ(head.status, 200);
      EXPECT_EQ(head.field("content-length"), base::concat(size));
      EXPECT_EQ(head.body, "");
    }
    co_return {};
  }

  Task<Result<void>> conditions() {
    put("file", "content");
    WRENN_CO_TRY_ASSIGN(const auto first, co_await get("file"));
    const std::string tag = first.field("etag");
    const std::string date = first.field("last-modified");
    WRENN_CO_TRY_ASSIGN(const auto same, co_await get("file", {{"If-None-Match", tag}}));
    EXPECT_EQ(same.status, 304);
    EXPECT_EQ(same.field("etag"), tag);
    EXPECT_EQ(same.body, "");
    WRENN_CO_TRY_ASSIGN(const auto since, co_await get("file", {{"If-Modified-Since", date}}));
    EXPECT_EQ(since.status, 304);
    WRENN_CO_TRY_ASSIGN(const auto other, co_await get("file", {{"If-Match", "\"x\""}}));
    EXPECT_EQ(other.status, 412);
    WRENN_CO_TRY_ASSIGN(const auto resumed,
                        co_await get("file", {{"Range", "bytes=3-"}, {"If-Range", tag}}));
    EXPECT_EQ(resumed.status, 206);
    EXPECT_EQ(resumed.body, "tent");
    put("file", "changed");
    WRENN_CO_TRY_ASSIGN(const auto anew,
                        co_await get("file", {{"Range", "bytes=3-"}, {"If-Range", tag}}));
    EXPECT_EQ(anew.status, 200);
    EXPECT_EQ(anew.body, "changed");
    WRENN_CO_TRY_ASSIGN(const auto changed, co_await get("file", {{"If-None-Match", tag}}));
    EXPECT_EQ(changed.status, 200);
    co_return {};
  }

  Task<Result<void>> compressed() {
    for (const std::size_t size : {5000U, 2'000'000U}) {
      const std::string text = std::string(size / 2, 'a') + base::random_bytes(size / 2);
      put("file", text);
      WRENN_CO_TRY_ASSIGN(const auto reply,
                          co_await get("file", {{"Accept-Encoding", "br, gzip"}}));
      EXPECT_EQ(reply.status, 200);
      EXPECT_EQ(reply.field("content-encoding"), "gzip");
      EXPECT_EQ(reply.field("vary"), "Accept-Encoding");
      EXPECT_LT(reply.body.size(), text.size());
      EXPECT_TRUE(net::gunzip(reply.body, size).value_or("") == text);
    }
    WRENN_CO_TRY_ASSIGN(const auto plain, co_await get("file", {{"Accept-Encoding", "gzip;q=0"}}));
    EXPECT_EQ(plain.field("content-encoding"), "none");
    EXPECT_EQ(plain.field("vary"), "Accept-Encoding");
    WRENN_CO_TRY_ASSIGN(const auto neither,
                        co_await get("file", {{"Accept-Encoding", "identity;q=0"}}));
    EXPECT_EQ(neither.status, 406);
    EXPECT_EQ(neither.body,
              "{\"code\":406,\"message\":\"no acceptable encoding found, supported: [identity, "
              "gzip]\"}");
    put("packed", base::random_bytes(200'000));
    WRENN_CO_TRY_ASSIGN(const auto packed, co_await get("packed", {{"Accept-Encoding", "gzip"}}));
    EXPECT_EQ(packed.field("content-encoding"), "none");
    EXPECT_EQ(packed.body.size(), 200'000U);
    put("empty", "");
    WRENN_CO_TRY_ASSIGN(const auto empty, co_await get("empty", {{"Accept-Encoding", "gzip"}}));
    EXPECT_EQ(empty.field("content-length"), "0");
    EXPECT_EQ(empty.field("content-encoding"), "none");
    co_return {};
  }

  Task<Result<void>> names() {
    put("page.html", "<p>");
    WRENN_CO_TRY_ASSIGN(const auto page, co_await get("page.html"));
    EXPECT_EQ(page.field("content-type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.field("content-disposition"), "inline; filename=page.html");
    put("a \"b\"", "");
    WRENN_CO_TRY_ASSIGN(const auto quoted, co_await get("a \"b\""));
    EXPECT_EQ(quoted.field("content-type"), "application/octet-stream");
    EXPECT_EQ(quoted.field("content-disposition"), "inline; filename=\"a \\\"b\\\"\"");
    put("\xc3\xa4\n", "");
    WRENN_CO_TRY_ASSIGN(const auto escaped, co_await get("\xc3\xa4\n"));
    EXPECT_EQ(escaped.field("content-disposition"), "inline; filename*=UTF-8''%C3%A4%0A");
    co_return {};
  }

  // These state no size, whether they are short or long.
  Task<Result<void>> made_up_files() {
    for (const char* name :
         {"/proc/self/status", "/proc/kallsyms", "/sys/kernel/mm/transparent_hugepage/enabled"}) {
      const auto expected = base::read_file(name, 64u << 20);
      if (!expected) continue;
      const std::string where = base::concat("/files?path=", name);
      WRENN_CO_TRY_ASSIGN(const auto plain, co_await ask("GET", where));
      EXPECT_EQ(plain.status, 200);
      EXPECT_EQ(plain.field("etag"), "none");
      EXPECT_FALSE(plain.body.empty()) << name;
      WRENN_CO_TRY_ASSIGN(const auto zipped,
                          co_await ask("GET", where, {{"Accept-Encoding", "gzip"}}));
      EXPECT_FALSE(net::gunzip(zipped.body, 64u << 20).value_or("").empty()) << name;
    }
    co_return {};
  }

  // The file loses its end while a reader that does not read holds up its sending.
  Task<Result<void>> shrinking() {
    put("big", std::string(64u << 20, 'x'));
    WRENN_CO_TRY_ASSIGN(auto response, co_await http.send({.target = target("big")}));
    EXPECT_EQ(::truncate(path("big").c_str(), 1000), 0);
    const auto body = co_await net::read_all(response, 65u << 20);
    EXPECT_EQ(body.error().code, Code::kUnavailable);
    WRENN_CO_TRY_ASSIGN(const auto next, co_await get("big"));
    EXPECT_EQ(next.body.size(), 1000U);
    co_return {};
  }

  Task<Result<void>> gzip_uploads() {
    const std::string text = std::string(3'000'000, 'a') + base::random_bytes(100'000);
    WRENN_CO_TRY_ASSIGN(const auto raw, co_await post(target("raw"), net::gzip(text),
                                                      {{"Content-Encoding", "gzip"}}));
    EXPECT_EQ(raw.status, 200) << raw.body;
    EXPECT_TRUE(content("raw") == text);
    const std::string form =
        base::concat("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
                     path("form"), "\"\r\n\r\n", text, "\r\n--b--\r\n");
    WRENN_CO_TRY_ASSIGN(const auto formed,
                        co_await post("/files", net::gzip(form),
                                      {{"Content-Encoding", "gzip"},
                                       {"Content-Type", "multipart/form-data; boundary=b"}}));
    EXPECT_EQ(formed.status, 200) << formed.body;
    EXPECT_TRUE(content("form") == text);
    const std::string packed = net::gzip(text);
    for (const std::string& bad : {std::string("plain"), packed.substr(0, packed.size() / 2)}) {
      WRENN_CO_TRY_ASSIGN(const auto refused,
                          co_await post(target("bad"), bad, {{"Content-Encoding", "gzip"}}));
      EXPECT_EQ(refused.status, 400) << refused.body;
    }
    WRENN_CO_TRY_ASSIGN(const auto unknown,
                        co_await post(target("bad"), "x", {{"Content-Encoding", "br"}}));
    EXPECT_EQ(unknown.status, 400);
    EXPECT_NE(unknown.body.find("supported: [identity, gzip]"), std::string::npos) << unknown.body;
    WRENN_CO_TRY_ASSIGN(const auto type,
                        co_await post(target("bad"), "x", {{"Content-Type", "text/plain"}}));
    EXPECT_EQ(type.status, 400);
    EXPECT_EQ(count_files(), 2);
    co_return {};
  }

  Task<Result<void>> modes() {
    WRENN_CO_TRY(co_await post(target("new"), "x"));
    struct stat info{};
    EXPECT_EQ(::stat(path("new").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0644U);
    EXPECT_EQ(::chmod(path("new").c_str(), 0751), 0);
    EXPECT_EQ(::symlink("new", path("link").c_str()), 0);
    WRENN_CO_TRY(co_await post(target("link"), "through"));
    EXPECT_EQ(::lstat(path("link").c_str(), &info), 0);
    EXPECT_TRUE(S_ISLNK(info.st_mode));
    EXPECT_EQ(::stat(path("new").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0751U);
    EXPECT_EQ(content("new"), "through");
    WRENN_CO_TRY_ASSIGN(const auto dotted, co_await post(target("sub/../up"), "up"));
    EXPECT_EQ(dotted.status, 200);
    EXPECT_EQ(content("up"), "up");
    WRENN_CO_TRY_ASSIGN(const auto below, co_await post(target("up/below"), "x"));
    EXPECT_EQ(below.status, 400) << below.body;
    co_return {};
  }

  Task<Result<void>> dying_client() {
    WRENN_CO_TRY_ASSIGN(const auto endpoint, net::Endpoint::tcp("127.0.0.1", envd.port()));
    WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(endpoint));
    WRENN_CO_TRY(co_await stream->write_all(
        base::concat("POST ", target("half"),
                     " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"),
        "the beginning"));
    for (int i = 0; i < 500 && count_files() == 0; ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    EXPECT_EQ(count_files(), 1);
    stream.reset();
    for (int i = 0; i < 500 && count_files() > 0; ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    EXPECT_EQ(count_files(), 0);
    co_return {};
  }

  Task<Result<void>> metadata() {
    WRENN_CO_TRY_ASSIGN(const auto first, co_await post(target("file"), "x",
                                                        {{"X-Metadata-Author", "me"},
                                                         {"X-Metadata-Purpose", "test"}}));
    if (first.status == 400 && first.body.find("keeps no metadata") != std::string::npos) {
      EXPECT_EQ(count_files(), 0);
      co_return {};
    }
    EXPECT_EQ(first.status, 200) << first.body;
    EXPECT_NE(first.body.find("\"author\":\"me\""), std::string::npos) << first.body;
    filesystem::StatRequest request;
    request.set_path(path("file"));
    WRENN_CO_TRY_ASSIGN(const auto stat, co_await client.unary<filesystem::StatResponse>(
                                             "/filesystem.Filesystem/Stat", request));
    EXPECT_EQ(stat.entry().metadata_size(), 2);
    EXPECT_EQ(stat.entry().metadata().at("purpose"), "test");
    WRENN_CO_TRY(co_await post(target("file"), "x", {{"X-Metadata-Other", "1"}}));
    WRENN_CO_TRY_ASSIGN(const auto replaced, co_await client.unary<filesystem::StatResponse>(
                                                 "/filesystem.Filesystem/Stat", request));
    EXPECT_EQ(replaced.entry().metadata_size(), 1);
    WRENN_CO_TRY(co_await post(target("file"), "x"));
    WRENN_CO_TRY_ASSIGN(const auto cleared, co_await client.unary<filesystem::StatResponse>(
                                                "/filesystem.Filesystem/Stat", request));
    EXPECT_EQ(cleared.entry().metadata_size(), 0);
    WRENN_CO_TRY_ASSIGN(const auto bad,
                        co_await post(target("bad"), "x", {{"X-Metadata-K", "\xc3\xa9"}}));
    EXPECT_EQ(bad.status, 400);
    EXPECT_EQ(count_files(), 1);
    co_return {};
  }

  Task<Result<void>> set_token() {
    WRENN_CO_TRY_ASSIGN(const auto init, co_await post("/init", R"({"accessToken":"secret"})"));
    EXPECT_EQ(init.status, 204) << init.body;
    co_return {};
  }

  std::string signature(std::string_view name, FileOperation operation,
                        std::optional<std::int64_t> expiration = {}) const {
    const std::string where = path(name);
    const std::string text =
        sign_file({.path = where, .operation = operation, .user = "", .expiration = expiration},
                  base::Secret("secret"));
    std::string query = base::concat("&signature=", base::percent_encode(text));
    if (expiration) query += base::concat("&signature_expiration=", *expiration);
    return query;
  }

  Task<Result<void>> expect_refusal(std::string method, std::string where, std::string message,
                                    Fields fields = {}) {
    WRENN_CO_TRY_ASSIGN(const auto reply, co_await ask(method, where, std::move(fields)));
    EXPECT_EQ(reply.status, 401) << where;
    EXPECT_EQ(reply.body, base::concat("{\"code\":401,\"message\":\"", message, "\"}"));
    co_return {};
  }

  Task<Result<void>> signatures() {
    WRENN_CO_TRY(co_await set_token());
    put("file", "content");
    const std::int64_t now = base::unix_ms_now() / 1000;
    const auto read = FileOperation::kRead;
    WRENN_CO_TRY_ASSIGN(const auto loaded,
                        co_await ask("GET", target("file") + signature("file", read)));
    EXPECT_EQ(loaded.body, "content");
    WRENN_CO_TRY_ASSIGN(const auto timely,
                        co_await ask("GET", target("file") + signature("file", read, now + 60)));
    EXPECT_EQ(timely.status, 200);
    WRENN_CO_TRY_ASSIGN(
        const auto stored,
        co_await post(target("new") + signature("new", FileOperation::kWrite), "written"));
    EXPECT_EQ(stored.status, 200) << stored.body;
    WRENN_CO_TRY(co_await expect_refusal("GET", target("file") + signature("file", read, now - 1),
                                         "signature is already expired"));
    WRENN_CO_TRY(co_await expect_refusal("GET", target("file") + signature("new", read),
                                         "invalid signature"));
    WRENN_CO_TRY(co_await expect_refusal("POST", target("file") + signature("file", read),
                                         "invalid signature"));
    WRENN_CO_TRY(
        co_await expect_refusal("GET", target("file"), "missing signature query parameter"));
    WRENN_CO_TRY(co_await expect_refusal("GET", target("file") + signature("file", read),
                                         "access token present in header but does not match",
                                         {{"X-Access-Token", "secreT"}}));
    WRENN_CO_TRY_ASSIGN(const auto shown, co_await get("file", {{"X-Access-Token", "secret"}}));
    EXPECT_EQ(shown.status, 200);
    WRENN_CO_TRY_ASSIGN(const auto odd,
                        co_await ask("GET", target("file") + signature("file", read) +
                                                "&signature_expiration=soon"));
    EXPECT_EQ(odd.status, 400);
    co_return {};
  }

  Task<Result<void>> pages() {
    WRENN_CO_TRY(co_await set_token());
    WRENN_CO_TRY_ASSIGN(
        const auto preflight,
        co_await ask("OPTIONS", "/process.Process/List",
                     {{"Origin", "https://a.example"},
                      {"Access-Control-Request-Method", "POST"},
                      {"Access-Control-Request-Headers", "authorization,x-access-token"}}));
    EXPECT_EQ(preflight.status, 204);
    EXPECT_EQ(preflight.field("access-control-allow-origin"), "*");
    EXPECT_EQ(preflight.field("access-control-allow-headers"), "authorization,x-access-token");
    EXPECT_EQ(preflight.field("access-control-max-age"), "7200");
    for (const char* where : {"/envs", "/process.Process/List", "/health"}) {
      WRENN_CO_TRY_ASSIGN(const auto reply,
                          co_await ask("GET", where, {{"Origin", "https://a.example"}}));
      EXPECT_EQ(reply.field("access-control-allow-origin"), "*") << where;
      EXPECT_NE(reply.field("access-control-expose-headers"), "none") << where;
    }
    WRENN_CO_TRY_ASSIGN(const auto plain, co_await ask("GET", "/health"));
    EXPECT_EQ(plain.field("access-control-allow-origin"), "none");
    co_return {};
  }

  std::string compose_body(const std::vector<std::string>& sources, std::string_view to) const {
    std::vector<std::string> quoted;
    for (const std::string& name : sources) quoted.push_back("\"" + path(name) + "\"");
    return base::concat("{\"source_paths\":[", base::join(quoted, ","), "],\"destination\":\"",
                        path(to), "\"}");
  }

  Task<Result<void>> compose() {
    const std::string big = base::random_bytes(20u << 20);
    put("a", big);
    put("b", "");
    put("c", "end");
    WRENN_CO_TRY_ASSIGN(const auto reply,
                        co_await post("/files/compose", compose_body({"a", "b", "c"}, "sub/all")));
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.body, base::concat("{\"path\":\"", path("sub/all"),
                                       "\",\"name\":\"all\",\"type\":\"file\"}"));
    EXPECT_TRUE(base::read_file(path("sub/all"), 64u << 20).value_or("") == big + "end");
    EXPECT_EQ(count_files(), 1);
    // Onto one of the sources: it grows.
    put("x", "1");
    put("y", "2");
    WRENN_CO_TRY_ASSIGN(const auto grown,
                        co_await post("/files/compose", compose_body({"x", "y", "y"}, "x")));
    EXPECT_EQ(grown.status, 200);
    EXPECT_EQ(content("x"), "122");
    EXPECT_EQ(count_files(), 2);
    WRENN_CO_TRY_ASSIGN(const auto missing,
                        co_await post("/files/compose", compose_body({"x", "gone"}, "new")));
    EXPECT_EQ(missing.status, 404);
    WRENN_CO_TRY_ASSIGN(const auto directory,
                        co_await post("/files/compose", compose_body({"x", "sub"}, "new")));
    EXPECT_EQ(directory.status, 400);
    WRENN_CO_TRY_ASSIGN(const auto over,
                        co_await post("/files/compose", compose_body({"x"}, "sub")));
    EXPECT_EQ(over.status, 400);
    for (const std::string& body : {std::string("{"), std::string("{}"), compose_body({}, "new"),
                                    std::string(R"({"source_paths":["/a"]})")}) {
      WRENN_CO_TRY_ASSIGN(const auto bad, co_await post("/files/compose", body));
      EXPECT_EQ(bad.status, 400) << body;
    }
    EXPECT_EQ(content("x"), "122");
    EXPECT_EQ(count_files(), 2);
    co_return {};
  }

  // Sources on another file system than the destination, which is full before they end.
  Task<Result<void>> compose_on_full_disk() {
    const std::string full = path("full");
    WRENN_CO_TRY_ASSIGN(
        const auto mounted,
        co_await exec(shell("mkdir " + full + " && mount -t tmpfs -o size=1m none " + full)));
    EXPECT_EQ(mounted.end.exit_code(), 0) << mounted.err;
    put("a", std::string(600'000, 'a'));
    put("b", std::string(600'000, 'b'));
    WRENN_CO_TRY_ASSIGN(const auto reply,
                        co_await post("/files/compose", compose_body({"a", "b"}, "full/all")));
    EXPECT_EQ(reply.status, 507) << reply.body;
    EXPECT_TRUE(std::filesystem::is_empty(full));
    WRENN_CO_TRY_ASSIGN(const auto fits,
                        co_await post("/files/compose", compose_body({"a"}, "full/all")));
    EXPECT_EQ(fits.status, 200) << fits.body;
    EXPECT_EQ(content("full/all").size(), 600'000U);
    WRENN_CO_TRY_ASSIGN(const auto unmounted, co_await exec(shell("umount " + full)));
    EXPECT_EQ(unmounted.end.exit_code(), 0) << unmounted.err;
    EXPECT_EQ(content("b").size(), 600'000U);
    co_return {};
  }

  Task<Result<void>> metrics() {
    for (int i = 0; i < 2; ++i) {
      WRENN_CO_TRY_ASSIGN(const auto reply, co_await ask("GET", "/metrics"));
      EXPECT_EQ(reply.status, 200);
      for (const char* name :
           {"ts", "cpu_count", "cpu_used_pct", "mem_total", "mem_used", "mem_cache",
            "mem_total_mib", "mem_used_mib", "disk_used", "disk_total"}) {
        EXPECT_NE(reply.body.find(base::concat("\"", name, "\":")), std::string::npos) << name;
      }
    }
    co_return {};
  }

  // Connections that are open when the memory is saved end; others are made as before.
  Task<Result<void>> prepare() {
    WRENN_CO_TRY_ASSIGN(const auto endpoint, net::Endpoint::tcp("127.0.0.1", envd.port()));
    WRENN_CO_TRY_ASSIGN(auto idle, co_await net::connect(endpoint));
    std::array<char, 4096> buffer{};
    WRENN_CO_TRY(co_await idle->write_all("GET /health HTTP/1.1\r\nHost: x\r\n\r\n"));
    WRENN_CO_TRY_ASSIGN(std::size_t n, co_await idle->read_some(buffer));
    EXPECT_TRUE(std::string_view(buffer.data(), n).starts_with("HTTP/1.1 200"));
    WRENN_CO_TRY_ASSIGN(const auto prepared, co_await post("/snapshot/prepare", ""));
    EXPECT_EQ(prepared.status, 204);
    EXPECT_EQ(prepared.field("connection"), "close");
    WRENN_CO_TRY_ASSIGN(n, co_await idle->read_some(buffer));
    EXPECT_EQ(n, 0U);
    WRENN_CO_TRY_ASSIGN(const auto after, co_await ask("GET", "/health"));
    EXPECT_EQ(after.status, 200);
    EXPECT_EQ(after.field("connection"), "none");
    co_return {};
  }

  Task<Result<void>> limits() {
    std::string many = "/files?path=/etc/passwd";
    for (int i = 0; i < 100; ++i) many += base::concat("&p", i, "=1");
    WRENN_CO_TRY_ASSIGN(const auto parameters, co_await ask("GET", many));
    EXPECT_EQ(parameters.status, 400);
    WRENN_CO_TRY_ASSIGN(const auto length,
                        co_await ask("GET", "/files?path=" + std::string(20'000, 'a')));
    EXPECT_EQ(length.status, 414);
    WRENN_CO_TRY_ASSIGN(const auto init, co_await post("/init", std::string(2u << 20, ' ')));
    EXPECT_EQ(init.status, 400) << init.body;
    std::string form;
    for (int i = 0; i < 1001; ++i) {
      form += "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n";
    }
    WRENN_CO_TRY_ASSIGN(const auto parts,
                        co_await post("/files", form + "--b--\r\n",
                                      {{"Content-Type", "multipart/form-data; boundary=b"}}));
    EXPECT_EQ(parts.status, 400);
    co_return {};
  }
};

TEST_F(HttpTest, Ranges) {
  run(&HttpTest::ranges);
}
TEST_F(HttpTest, Conditions) {
  run(&HttpTest::conditions);
}
TEST_F(HttpTest, GzipDownloads) {
  run(&HttpTest::compressed);
}
TEST_F(HttpTest, TypeAndNameOfAFile) {
  run(&HttpTest::names);
}
TEST_F(HttpTest, FilesThatStateNoSize) {
  run(&HttpTest::made_up_files);
}
TEST_F(HttpTest, AShrinkingFileCutsTheConnection) {
  run(&HttpTest::shrinking);
}
TEST_F(HttpTest, GzipUploads) {
  run(&HttpTest::gzip_uploads);
}
TEST_F(HttpTest, ModesLinksAndDots) {
  run(&HttpTest::modes);
}
TEST_F(HttpTest, ADyingClientLeavesNothing) {
  run(&HttpTest::dying_client);
}
TEST_F(HttpTest, Metadata) {
  run(&HttpTest::metadata);
}
TEST_F(HttpTest, Signatures) {
  run(&HttpTest::signatures);
}
TEST_F(HttpTest, PagesOfAnyOriginMayRead) {
  run(&HttpTest::pages);
}
TEST_F(HttpTest, Compose) {
  run(&HttpTest::compose);
}
TEST_F(HttpTest, ComposeOnAFullDiskChangesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&HttpTest::compose_on_full_disk);
}
TEST_F(HttpTest, Metrics) {
  run(&HttpTest::metrics);
}
TEST_F(HttpTest, PrepareEndsConnections) {
  run(&HttpTest::prepare);
}
TEST_F(HttpTest, Limits) {
  run(&HttpTest::limits);
}

}  // namespace
}  // namespace wrenn::envd
