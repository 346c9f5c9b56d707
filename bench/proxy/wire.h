// Connections of the load generator and of its upstream, and the few messages they exchange.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/time.h"
#include "net/http_parser.h"
#include "net/stream.h"

namespace wrenn::bench {

using base::Result;
using net::Task;

// Whom to ask, and as whom.
struct Target {
  net::Endpoint endpoint;
  std::string path = "/";
  std::string host = "localhost";
  std::string token;  // X-Wrenn-Traffic-Token; not sent when empty.
};

// A connection and what was read from it ahead of its use.
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> adopt(net::Loop& loop, base::Fd fd);
  // The first write tells whether somebody listens.
  static Task<Result<std::unique_ptr<Connection>>> connect(const net::Endpoint& endpoint);

  net::Stream& stream() { return *stream_; }
  // Bytes that came and nobody took yet.
  std::string& received() { return received_; }
  // At least one byte more in received(). kUnavailable at the end of the connection.
  Task<Result<void>> receive();
  // The next head, taken from received(). Nothing when the connection ended before its first byte.
  Task<Result<std::optional<std::string>>> head();
  // Exactly so many bytes, which are not looked at: the kernel drops what was not read yet.
  Task<Result<void>> discard(std::uint64_t length);

 private:
  Connection(std::unique_ptr<net::Stream> stream, int fd) : stream_(std::move(stream)), fd_(fd) {}
  std::unique_ptr<net::Stream> stream_;
  const int fd_;  // The stream's.
  std::string received_;
};

// A request's head, with the empty line. `fields`: whole lines.
std::string request_head(std::string_view method, const Target& target, std::string_view fields);
// The answer's head, which must have that status.
Task<Result<net::ResponseHead>> expect_status(Connection& connection, int status);

}  // namespace wrenn::bench
