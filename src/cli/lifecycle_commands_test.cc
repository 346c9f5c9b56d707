// The commands that change a sandbox, against an API that answers with what it was asked.
#include <mutex>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "cli/session.h"
#include "net/http_server.h"
#include "net/loop_thread.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kFirst = "cl-0000000000000000000000001";
constexpr std::string_view kSecond = "cl-0000000000000000000000002";

class Api final : public net::HttpHandler {
 public:
  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override {
    WRENN_CO_TRY_ASSIGN(const std::string body, co_await net::read_all(request.body(), 1024));
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(base::concat(request.method(), " ", request.path(), " ", body));
    }
    if (request.path().find(kFirst) == std::string_view::npos) {
      co_return co_await response.send(200, {}, R"({"id":"cl-x","status":"hibernated"})");
    }
    co_return co_await response.send(
        409, {}, R"({"error":{"code":"conflict","message":"no object storage"}})");
  }
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> asked_;
};

net::Task<void> serve(net::HttpServer& server, net::Listener listener) {
  co_await server.serve(std::move(listener));
}

// The exit status of `wrenn sandbox LINE`.
int run(Api& api, std::vector<std::string> line) {
  net::HttpServer server(api, {});
  net::LoopThread thread;
  auto listener =
      net::Listener::listen(thread.loop(), net::Endpoint::parse("127.0.0.1:0").value()).value();
  Session session;
  session.flags.api_url = base::concat("http://127.0.0.1:", listener.port());
  session.flags.api_key = "wrn_key";
  thread.start(
      "api", [&server, l = std::move(listener)]() mutable { return serve(server, std::move(l)); });
  CLI::App app;
  add_lifecycle_commands(app, session);
  std::ranges::reverse(line);  // As CLI11 takes it.
  app.parse(line);
  return session.action().value_or(-1);
}

TEST(LifecycleCommands, HibernateTakesSeveralAndGoesOnAfterAFailure) {
  Api api;
  EXPECT_EQ(run(api, {"hibernate", std::string(kSecond)}), 0);
  EXPECT_EQ(run(api, {"hibernate", std::string(kFirst), std::string(kSecond)}), kFailed);
  const std::string first = base::concat("POST /v1/capsules/", kFirst, "/hibernate {}");
  const std::string second = base::concat("POST /v1/capsules/", kSecond, "/hibernate {}");
  EXPECT_EQ(api.asked(), (std::vector<std::string>{second, first, second}));
}

TEST(LifecycleCommands, HibernateNeedsAnId) {
  Session session;
  CLI::App app;
  add_lifecycle_commands(app, session);
  std::vector<std::string> line = {"hibernate"};
  EXPECT_THROW(app.parse(line), CLI::RequiredError);
}

}  // namespace
}  // namespace wrenn::cli
