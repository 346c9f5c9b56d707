#include "net/connection_pool.h"

#include "net/scope.h"

namespace wrenn::net {
namespace {

Task<base::Result<std::unique_ptr<Stream>>> connect_secured(
    Endpoint endpoint, int netns_fd, std::shared_ptr<const StreamSecurity> security) {
  WRENN_CO_TRY_ASSIGN(auto stream, co_await connect(std::move(endpoint), netns_fd));
  if (security != nullptr) WRENN_CO_TRY(co_await stream->secure(*security));
  co_return stream;
}

}  // namespace

Task<base::Result<std::unique_ptr<ClientConnection>>> ConnectionPool::open() {
  WRENN_CO_TRY_ASSIGN(
      auto stream,
      co_await with_timeout(options_.connect_timeout,
                            connect_secured(endpoint_, options_.netns_fd, options_.security)));
  if (options_.keep_alive) stream->keep_alive();
  co_return std::make_unique<ClientConnection>(std::move(stream));
}

std::unique_ptr<ClientConnection> ConnectionPool::take_idle() {
  const auto now = base::steady_now();
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    const bool is_fresh = now - connection->idle_since < options_.idle_timeout;
    if (is_fresh && !connection->stream->is_stale()) return connection;
  }
  return nullptr;
}

void ConnectionPool::give_back(std::unique_ptr<ClientConnection> connection) {
  const bool clean = connection->keep_alive && connection->input.view().empty();
  if (!clean || idle_.size() >= options_.max_idle) return;
  connection->body.reset();
  connection->idle_since = base::steady_now();
  idle_.push_back(std::move(connection));
}

}  // namespace wrenn::net
