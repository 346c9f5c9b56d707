#include "connect/client.h"

#include <array>

#include <google/protobuf/message.h>

#include "base/strings.h"
#include "connect/error.h"
#include "net/scope.h"

namespace wrenn::connect {
namespace {

using base::Code;
using net::Task;

// How much longer than the server a stream's client waits, so that the server's word arrives.
constexpr base::Duration kDeadlineGrace = std::chrono::seconds(1);
constexpr std::size_t kMaxErrorBytes = 64 * 1024;
constexpr std::size_t kReadSize = 32 * 1024;

bool has_type(const net::ClientResponse& response, ContentType type) {
  return parse_content_type(response.headers().find("content-type").value_or("")) == type;
}

// The error that an answer stands for which is not what was asked for.
Task<base::Error> read_error(net::ClientResponse& response) {
  const int status = response.status();
  base::Error by_status(code_from_http_status(status),
                        base::concat("the server answered with HTTP status ", status));
  if (status == 200) by_status.message = "the server's answer is not of the Connect protocol";
  if (!has_type(response, {Codec::kJson, CallKind::kUnary})) co_return by_status;
  auto body = co_await net::read_all(response, kMaxErrorBytes);
  if (!body) co_return std::move(body).error();
  co_return parse_error_json(*body).value_or(by_status);
}

template <class T>
Task<base::Result<T>> within(base::Duration limit, Task<base::Result<T>> task) {
  if (limit <= base::Duration::zero()) return task;
  return net::with_timeout(limit, std::move(task));
}

template <class T>
Task<base::Result<T>> failed(base::Error error) {
  co_return base::fail(std::move(error));
}

}  // namespace

namespace detail {

Task<base::Result<bool>> RawStream::next(Message& message) {
  if (finished_) co_return false;
  if (!deadline_) co_return co_await read_next(message);
  const base::Duration left = *deadline_ + kDeadlineGrace - base::steady_now();
  auto more = co_await net::with_timeout(std::max(left, base::Duration(1)), read_next(message));
  // A server whose deadline passed in the middle of a message cannot say so.
  const bool late = base::steady_now() >= *deadline_;
  if (!more && more.error().code == Code::kUnavailable && late) {
    co_return base::fail(Code::kDeadlineExceeded, "the stream did not end in time");
  }
  co_return more;
}

Task<base::Result<bool>> RawStream::read_next(Message& message) {
  while (true) {
    WRENN_CO_TRY_ASSIGN(auto envelope, decoder_.next());
    if (!envelope) {
      WRENN_CO_TRY(co_await read_more());
      continue;
    }
    if (envelope->is_end()) {
      finished_ = true;
      WRENN_CO_TRY(co_await finish(std::move(envelope->data)));
      co_return false;
    }
    WRENN_CO_TRY(decode(envelope->data, Codec::kProto, message));
    co_return true;
  }
}

Task<base::Result<void>> RawStream::read_more() {
  std::array<char, kReadSize> buffer;
  WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await response_.read(buffer));
  if (n == 0) co_return base::fail(Code::kUnavailable, "the stream ended without its last frame");
  decoder_.add({buffer.data(), n});
  co_return {};
}

Task<base::Result<void>> RawStream::finish(std::string json) {
  // Reading the end of the body makes the connection fit for the next call; nothing else hangs on
  // it, so neither does its failure matter.
  std::array<char, 64> rest;
  static_cast<void>(co_await net::with_timeout(kDeadlineGrace, response_.read(rest)));
  co_return parse_end_of_stream(json);
}

}  // namespace detail

net::ClientRequest Client::make_request(std::string path, CallKind kind, std::string body,
                                        const CallOptions& call) const {
  net::ClientRequest request{"POST", std::move(path), options_.headers, std::move(body)};
  for (std::size_t i = 0; i < call.headers.size(); ++i) {
    request.headers.set(call.headers[i].name, call.headers[i].value);
  }
  request.headers.set("Content-Type", content_type_name({Codec::kProto, kind}));
  request.headers.set("Connect-Protocol-Version", "1");
  if (call.timeout > base::Duration::zero()) {
    request.headers.set("Connect-Timeout-Ms",
                        base::concat(std::max<std::int64_t>(base::to_ms(call.timeout), 1)));
  }
  return request;
}

Task<base::Result<std::string>> Client::start_unary(std::string path, const Message& request,
                                                    CallOptions call) {
  auto body = encode(request, Codec::kProto);
  if (!body) return failed<std::string>(std::move(body).error());
  return send_unary(make_request(std::move(path), CallKind::kUnary, std::move(*body), call),
                    call.timeout);
}

Task<base::Result<std::string>> Client::send_unary(net::ClientRequest request,
                                                   base::Duration limit) {
  return within(limit, exchange(std::move(request)));
}

Task<base::Result<std::string>> Client::exchange(net::ClientRequest request) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await http_.send(std::move(request)));
  if (response.status() == 200 && has_type(response, {Codec::kProto, CallKind::kUnary})) {
    co_return co_await net::read_all(response, options_.max_message_bytes);
  }
  co_return base::fail(co_await read_error(response));
}

Task<base::Result<Client::RawStreamPtr>> Client::start_stream(std::string path,
                                                              const Message& request,
                                                              CallOptions call) {
  auto data = encode(request, Codec::kProto);
  if (!data) return failed<RawStreamPtr>(std::move(data).error());
  std::string body = encode_envelope(0, *data);
  return send_stream(make_request(std::move(path), CallKind::kStream, std::move(body), call),
                     call.timeout);
}

Task<base::Result<Client::RawStreamPtr>> Client::send_stream(net::ClientRequest request,
                                                             base::Duration limit) {
  std::optional<base::SteadyTime> deadline;
  if (limit > base::Duration::zero()) {
    deadline = base::steady_now() + limit;
    limit += kDeadlineGrace;
  }
  WRENN_CO_TRY_ASSIGN(auto response, co_await within(limit, open_stream(std::move(request))));
  co_return std::make_unique<detail::RawStream>(std::move(response), options_.max_message_bytes,
                                                deadline);
}

Task<base::Result<net::ClientResponse>> Client::open_stream(net::ClientRequest request) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await http_.send(std::move(request)));
  if (response.status() == 200 && has_type(response, {Codec::kProto, CallKind::kStream})) {
    co_return std::move(response);
  }
  co_return base::fail(co_await read_error(response));
}

}  // namespace wrenn::connect
