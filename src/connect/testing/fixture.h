// What the tests of this folder share: an EchoService behind a Router, and plain HTTP.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "connect/client.h"
#include "connect/error.h"
#include "connect/testing/echo_service.h"
#include "net/scope.h"

namespace wrenn::connect::echo {

using base::Code;
using base::Result;
using net::Task;
using std::chrono::milliseconds;

struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
  std::string header(std::string_view name) const {
    return std::string(headers.find(name).value_or(""));
  }
};

inline constexpr std::size_t kMaxMessage = 4000;

class EchoTest : public ::testing::Test {
 protected:
  EchoTest() : router({.max_message_bytes = kMaxMessage}) { service.add_to(router); }

  // Runs the test's coroutine beside a server and stops the server afterwards.
  template <class Test>
  void run(Task<Result<void>> (Test::*test)()) {
    auto listener = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(listener) << listener.error().message;
    http.emplace(*net::Endpoint::tcp("127.0.0.1", listener->port()), net::HttpClientOptions());
    client.emplace(*http);
    net::HttpServer server(router, {});
    const auto result =
        loop.block_on(run_both(server, std::move(*listener), (static_cast<Test*>(this)->*test)()));
    EXPECT_TRUE(result) << result.error().to_string();
  }

  static Task<Result<void>> run_both(net::HttpServer& server, net::Listener listener,
                                     Task<Result<void>> test) {
    const net::Context context = co_await net::current_context();
    net::TaskScope scope(*context.loop);
    scope.spawn(server.serve(std::move(listener)));
    auto result = co_await std::move(test);
    scope.request_stop();
    co_await scope.join();
    co_return result;
  }

  Task<Result<Answer>> send(net::ClientRequest request) {
    WRENN_CO_TRY_ASSIGN(auto response, co_await http->send(std::move(request)));
    Answer answer{response.status(), response.headers(), {}};
    WRENN_CO_TRY_ASSIGN(answer.body, co_await net::read_all(response, 1 << 20));
    co_return answer;
  }
  Task<Result<Answer>> post(std::string path, std::string type, std::string body,
                            net::Headers headers = {}) {
    headers.set("Content-Type", type);
    return send({"POST", std::move(path), std::move(headers), std::move(body)});
  }

  net::Loop loop;
  EchoService service;
  Router router;
  std::optional<net::HttpClient> http;
  std::optional<Client> client;
};

inline test::Ask ask(std::string text) {
  test::Ask ask;
  ask.set_text(std::move(text));
  return ask;
}

}  // namespace wrenn::connect::echo
