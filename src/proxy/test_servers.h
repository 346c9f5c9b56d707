// What tests of the proxy talk to: an application that records the bytes it gets and answers with
// the bytes it is told to, and a client that sends bytes and reads to the end.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/scope.h"

namespace wrenn::proxy {

// One connection's script: answers once all of `expects` bytes came; then closes, or waits for the
// next round.
struct Round {
  std::size_t expects = 0;
  std::string answer;
  bool closes = false;
};

class ScriptedServer {
 public:
  explicit ScriptedServer(net::Loop& loop)
      : listener_(*net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"))),
        port_(listener_.port()) {}

  std::uint16_t port() const { return port_; }
  // For the next connections, one each; a connection without a script is closed at once.
  void script(std::vector<Round> rounds) { scripts_.push_back(std::move(rounds)); }
  // What came, over all connections.
  const std::string& received() const { return received_; }
  std::size_t connections() const { return connections_; }

  net::Task<void> serve() {
    const net::Context context = co_await net::current_context();
    net::TaskScope scope(*context.loop, context.stop);
    while (true) {
      auto stream = co_await listener_.accept();
      if (!stream) break;
      std::vector<Round> rounds;
      if (connections_ < scripts_.size()) rounds = scripts_[connections_];
      ++connections_;
      scope.spawn(play(std::move(*stream), std::move(rounds)));
    }
    scope.request_stop();
    co_await scope.join();
  }

 private:
  net::Task<void> play(std::unique_ptr<net::Stream> stream, std::vector<Round> rounds) {
    std::array<char, 4096> buffer;
    for (const Round& round : rounds) {
      std::size_t got = 0;
      while (got < round.expects) {
        const auto n = co_await stream->read_some(buffer);
        if (!n || *n == 0) co_return;
        received_.append(buffer.data(), *n);
        got += *n;
      }
      if (!co_await stream->write_all(round.answer)) co_return;
      if (round.closes) co_return;
    }
    // Until the proxy has had enough; what comes is recorded.
    while (true) {
      const auto n = co_await stream->read_some(buffer);
      if (!n || *n == 0) co_return;
      received_.append(buffer.data(), *n);
    }
  }

  net::Listener listener_;
  const std::uint16_t port_;
  std::vector<std::vector<Round>> scripts_;
  std::string received_;
  std::size_t connections_ = 0;
};

// Everything that comes back until the server closes, or until `enough` bytes are there.
inline net::Task<base::Result<std::string>> talk(net::Endpoint endpoint, std::string bytes,
                                                 std::size_t enough = SIZE_MAX) {
  WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(endpoint));
  WRENN_CO_TRY(co_await stream->write_all(bytes));
  std::string answer;
  std::array<char, 4096> buffer;
  while (answer.size() < enough) {
    const auto n = co_await stream->read_some(buffer);
    if (!n || *n == 0) break;
    answer.append(buffer.data(), *n);
  }
  co_return answer;
}

}  // namespace wrenn::proxy
