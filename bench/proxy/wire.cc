#include "bench/proxy/wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"

namespace wrenn::bench {
namespace {

// Of one read. An idle WebSocket of the upstream holds one such buffer.
constexpr std::size_t kBuffer = 4096;
constexpr std::size_t kDiscardAtOnce = 4u << 20;

}  // namespace

Result<std::unique_ptr<Connection>> Connection::adopt(net::Loop& loop, base::Fd fd) {
  const int number = fd.get();
  WRENN_TRY_ASSIGN(auto stream, net::Stream::adopt(loop, std::move(fd)));
  return std::unique_ptr<Connection>(new Connection(std::move(stream), number));
}

Task<Result<std::unique_ptr<Connection>>> Connection::connect(const net::Endpoint& endpoint) {
  const net::Context context = co_await net::current_context();
  WRENN_CO_TRY_ASSIGN(base::Fd socket, endpoint.make_socket());
  const int error = endpoint.connect(socket.get());
  if (error != 0 && error != EINPROGRESS) {
    co_return base::fail_errno(error, base::concat("connecting to ", endpoint.to_string()));
  }
  co_return adopt(*context.loop, std::move(socket));
}

Task<Result<void>> Connection::receive() {
  std::array<char, kBuffer> buffer;
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await stream_->read_some(buffer));
  if (n == 0) co_return base::fail(base::Code::kUnavailable, "the connection was closed");
  received_.append(buffer.data(), n);
  co_return {};
}

Task<Result<std::optional<std::string>>> Connection::head() {
  std::size_t scanned = 0;
  while (true) {
    if (const auto end = net::find_head_end(received_, scanned)) {
      std::string head = received_.substr(0, *end);
      received_.erase(0, *end);
      co_return head;
    }
    const bool is_first = received_.empty();
    if (auto more = co_await receive(); !more) {
      if (is_first) co_return std::optional<std::string>();
      co_return base::fail(std::move(more).error());
    }
  }
}

Task<Result<void>> Connection::discard(std::uint64_t length) {
  const std::uint64_t here = std::min<std::uint64_t>(length, received_.size());
  received_.erase(0, here);
  std::uint64_t left = length - here;
  const auto nowhere = std::make_unique_for_overwrite<char[]>(kDiscardAtOnce);
  while (left > 0) {
    // With MSG_TRUNC TCP drops the bytes without copying them: the memory is never touched.
    const ssize_t n = ::recv(fd_, nowhere.get(), std::min<std::uint64_t>(left, kDiscardAtOnce),
                             MSG_TRUNC | MSG_DONTWAIT);
    if (n > 0) {
      left -= static_cast<std::uint64_t>(n);
      continue;
    }
    // An end, an error or nothing yet: the stream can tell them apart, and wait.
    std::array<char, 64> few;
    const auto at_most = static_cast<std::size_t>(std::min<std::uint64_t>(left, few.size()));
    WRENN_CO_TRY_ASSIGN(const std::size_t got,
                        co_await stream_->read_some(std::span(few).first(at_most)));
    if (got == 0) co_return base::fail(base::Code::kDataLoss, "the body was cut");
    left -= got;
  }
  co_return {};
}

std::string request_head(std::string_view method, const Target& target, std::string_view fields) {
  const std::string token = target.token.empty()
                                ? std::string()
                                : base::concat("X-Wrenn-Traffic-Token: ", target.token, "\r\n");
  return base::concat(method, " ", target.path, " HTTP/1.1\r\nHost: ", target.host, "\r\n", token,
                      fields, "\r\n");
}

Task<Result<net::ResponseHead>> expect_status(Connection& connection, int status) {
  WRENN_CO_TRY_ASSIGN(const auto text, co_await connection.head());
  if (!text) co_return base::fail(base::Code::kUnavailable, "closed without an answer");
  WRENN_CO_TRY_ASSIGN(auto head, net::HeadParser::parse_response(*text, {}, "GET"));
  if (head.status != status) {
    co_return base::fail(base::Code::kUnknown, base::concat("status ", head.status, " in place of ",
                                                            status, ": ", connection.received()));
  }
  co_return head;
}

}  // namespace wrenn::bench
