// TestApi: an API on this machine that gives the answers it was told, each once and in that order,
// and knows what it was asked. For tests.
#pragma once

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/strings.h"
#include "cli/config.h"
#include "net/http_server.h"
#include "net/loop_thread.h"

namespace wrenn::cli {

class TestApi final : private net::HttpHandler {
 public:
  struct Answer {
    std::string to{};  // A part of the question that it is for; empty: of any.
    int status = 200;
    std::string body{};
    bool is_cut = false;          // After the body the connection breaks, instead of an end.
    bool is_silent_then = false;  // After the body nothing comes, while the client is there.
  };

  TestApi() : server_(*this, {}) {
    auto listener =
        net::Listener::listen(thread_.loop(), net::Endpoint::parse("127.0.0.1:0").value()).value();
    url_ = base::concat("http://127.0.0.1:", listener.port());
    thread_.start(
        "api", [this, l = std::move(listener)]() mutable { return serve(server_, std::move(l)); });
  }

  // A question that no answer is left for gets 500.
  void answer(Answer next) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(next));
  }
  // "METHOD TARGET BODY" of each request.
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  Settings settings() const { return {.api_url = url_, .api_key = base::Secret("wrn_key")}; }
  const std::string& url() const { return url_; }

 private:
  static net::Task<void> serve(net::HttpServer& server, net::Listener listener) {
    co_await server.serve(std::move(listener));
  }

  Answer next(const std::string& question) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(question);
    const auto found = std::ranges::find_if(
        answers_, [&](const Answer& answer) { return question.contains(answer.to); });
    if (found == answers_.end()) return {.status = 500, .body = "{}"};
    Answer answer = std::move(*found);
    answers_.erase(found);
    return answer;
  }

  static net::Task<base::Result<void>> wait() {
    (void)co_await net::sleep_for(std::chrono::minutes(1));
    co_return base::Result<void>();
  }

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override {
    WRENN_CO_TRY_ASSIGN(const std::string body, co_await net::read_all(request.body(), 1 << 20));
    const std::string query =
        request.query().empty() ? std::string() : base::concat('?', request.query());
    const Answer answer =
        next(base::concat(request.method(), ' ', request.path(), query, ' ', body));
    if (!answer.is_cut && !answer.is_silent_then) {
      co_return co_await response.send(answer.status, {}, answer.body);
    }
    WRENN_CO_TRY(co_await response.start(answer.status, {}));
    WRENN_CO_TRY(co_await response.write(answer.body));
    if (answer.is_silent_then) {
      WRENN_CO_TRY(co_await net::stop_on_disconnect(request.stream(), wait()));
    }
    response.abort();
    co_return base::Result<void>();
  }

  mutable std::mutex mutex_;
  std::deque<Answer> answers_;
  std::vector<std::string> asked_;
  std::string url_;
  net::HttpServer server_;
  net::LoopThread thread_;  // Last: it is stopped before what it uses goes.
};

}  // namespace wrenn::cli
