// The web client against a server of ours. What only the Internet could show (a public address that
// is reached) is left to those who use it.
#include "net/web_client.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/http_server.h"
#include "net/loop_thread.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::concat;
using base::Result;
using std::chrono::milliseconds;

// Says what it was asked; on a thread of its own.
class Receiver final : public HttpHandler {
 public:
  Receiver() {
    thread_.start("receiver", [this] { return serve(); });
    port_ = listens_.get_future().get();
  }
  std::string url(std::string_view path) const { return concat("http://127.0.0.1:", port_, path); }
  int requests = 0;

 private:
  Task<void> serve() {
    auto listener = Listener::listen(thread_.loop(), *Endpoint::tcp("127.0.0.1", 0));
    listens_.set_value(listener->port());
    HttpServer server(*this, {});
    co_await server.serve(std::move(*listener));
  }
  Task<Result<void>> handle(Request& request, ResponseWriter& response) override {
    ++requests;
    if (request.path() == "/redirect")
      co_return co_await response.send(302, Headers().with("Location", "/elsewhere"), "");
    if (request.path() == "/large")
      co_return co_await response.send(200, {}, std::string(100'000, 'x'));
    if (request.path() == "/never") {
      (void)co_await sleep_for(std::chrono::hours(1));
      co_return {};
    }
    WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_all(request.body(), 1 << 20));
    const auto given = request.headers().find("x-given").value_or("");
    co_return co_await response.send(201, Headers().with("X-Method", request.method()),
                                     concat(given, "|", body));
  }

  std::promise<std::uint16_t> listens_;
  std::uint16_t port_ = 0;
  LoopThread thread_;  // Last: it uses the others.
};

class WebClientTest : public testing::Test {
 protected:
  Receiver receiver;
  const WebClient any{{.destinations = Destinations::kAny}};
};

Code code_of(const Result<WebResponse>& result) {
  return result ? Code::kUnknown : result.error().code;
}

TEST_F(WebClientTest, BringsBackWhatTheServerSays) {
  const auto answer = any.call({"POST", receiver.url("/"), Headers().with("X-Given", "a"), "body"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "a|body");
  EXPECT_EQ(answer->headers.find("x-method"), "POST");
  const auto got = any.call({.url = receiver.url("/")});
  ASSERT_TRUE(got);
  EXPECT_EQ(got->headers.find("x-method"), "GET");
  const auto put = any.call({.method = "PUT", .url = receiver.url("/"), .headers = {}, .body = {}});
  ASSERT_TRUE(put);
  EXPECT_EQ(put->headers.find("x-method"), "PUT");
}

TEST_F(WebClientTest, FollowsNoRedirect) {
  const auto answer = any.call({.url = receiver.url("/redirect")});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(receiver.requests, 1);
}

TEST_F(WebClientTest, ReadsNoMoreThanItMay) {
  const WebClient small({.destinations = Destinations::kAny, .max_body = 100});
  const auto answer = small.call({.url = receiver.url("/large")});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, std::string(100, 'x'));
}

TEST_F(WebClientTest, EndsInTime) {
  const WebClient hasty({.destinations = Destinations::kAny, .timeout = milliseconds(100)});
  EXPECT_EQ(code_of(hasty.call({.url = receiver.url("/never")})), Code::kDeadlineExceeded);
}

TEST_F(WebClientTest, EndsWhenItIsAskedTo) {
  const WebClient patient({.destinations = Destinations::kAny, .timeout = std::chrono::hours(1)});
  std::stop_source stop;
  std::jthread asker([&stop] {
    std::this_thread::sleep_for(milliseconds(50));
    stop.request_stop();
  });
  EXPECT_EQ(code_of(patient.call({.url = receiver.url("/never")}, stop.get_token())),
            Code::kUnavailable);
}

TEST_F(WebClientTest, SaysThatNobodyListens) {
  EXPECT_EQ(code_of(any.call({.url = "http://127.0.0.1:1/"})), Code::kUnavailable);
}

// The name passes the look at the text: only the connection tells where it leads.
TEST_F(WebClientTest, NamesDoNotLeadInside) {
  const WebClient outside;
  EXPECT_TRUE(check_url("https://localhost/", Destinations::kPublic));
  EXPECT_EQ(code_of(outside.call({.url = "https://localhost/"})), Code::kPermissionDenied);
}

TEST(CheckUrl, TakesWhatMayBeCalled) {
  for (const char* url : {"https://example.com", "https://example.com:8443/a?b=c",
                          "https://8.8.8.8/", "https://[2606:4700::1111]/"}) {
    EXPECT_TRUE(check_url(url, Destinations::kPublic)) << url;
  }
  EXPECT_TRUE(check_url("http://127.0.0.1:80/", Destinations::kAny));
}

TEST(CheckUrl, RefusesTheRest) {
  for (const char* url :
       {"", "example.com", "http://example.com/", "ftp://example.com/", "file:///etc/passwd",
        "https://user@example.com/", "https://user:secret@example.com/", "https://127.0.0.1/",
        "https://2130706433/", "https://0x7f.1/", "https://017700000001/", "https://[::1]/",
        "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest", "https://10.0.0.1/",
        "https://exa mple.com/"}) {
    const auto checked = check_url(url, Destinations::kPublic);
    EXPECT_FALSE(checked) << url;
    if (!checked) EXPECT_EQ(checked.error().code, Code::kInvalidArgument) << url;
  }
  EXPECT_FALSE(check_url("gopher://127.0.0.1/", Destinations::kAny));
  EXPECT_FALSE(check_url("http://a:b@127.0.0.1/", Destinations::kAny));
}

}  // namespace
}  // namespace wrenn::net
