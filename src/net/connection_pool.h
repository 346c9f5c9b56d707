// ConnectionPool: connections to one server, kept for the next request. For one loop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "net/endpoint.h"
#include "net/http_connection.h"
#include "net/stream.h"
#include "net/stream_filter.h"

namespace wrenn::net {

// One connection and what came over it but was not used yet.
struct ClientConnection {
  explicit ClientConnection(std::unique_ptr<Stream> s) : stream(std::move(s)), input(*stream) {}
  std::unique_ptr<Stream> stream;
  InputBuffer input;
  std::optional<BodyReader> body;  // Of the response that is being read.
  bool keep_alive = false;
  base::SteadyTime idle_since;
};

struct PoolOptions {
  base::Duration connect_timeout = std::chrono::seconds(10);
  base::Duration idle_timeout = std::chrono::seconds(90);
  std::size_t max_idle = 10;
  // For answers that are waited for without a limit (TCP keep-alive): a server that vanished
  // without a word is noticed.
  bool keep_alive = false;
  // The connections are made from inside this network namespace (-1: our own). Kept open by the
  // owner of the pool.
  int netns_fd = -1;
  std::shared_ptr<const StreamSecurity> security;  // None: as it is.
};

class ConnectionPool {
 public:
  ConnectionPool(Endpoint endpoint, PoolOptions options)
      : endpoint_(std::move(endpoint)), options_(std::move(options)) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // One that was kept, is not too old, and is still open as far as one can know; else nullptr.
  std::unique_ptr<ClientConnection> take_idle();
  // kUnavailable, kDeadlineExceeded; kUnauthenticated when one side does not accept the other.
  Task<base::Result<std::unique_ptr<ClientConnection>>> open();
  // Closed instead when it is not to be kept alive, holds bytes nobody asked for, or is one too
  // many.
  void give_back(std::unique_ptr<ClientConnection> connection);
  void close_idle() { idle_.clear(); }
  const Endpoint& endpoint() const { return endpoint_; }

 private:
  const Endpoint endpoint_;
  const PoolOptions options_;
  std::vector<std::unique_ptr<ClientConnection>> idle_;
};

}  // namespace wrenn::net
