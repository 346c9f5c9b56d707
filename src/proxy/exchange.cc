#include "proxy/exchange.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "net/scope.h"
#include "proxy/forward.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using base::Result;
using net::Framing;
using net::Task;

constexpr int kSwitchingProtocols = 101;
constexpr int kFirstFinal = 200;
constexpr net::HeadLimits kHeadLimits;

std::unexpected<Fault> client_gone() {
  return fault(FaultKind::kClientGone, "the client left");
}

// For a write to the client.
Outcome to_client(const Result<void>& written) {
  if (written) return {};
  return client_gone();
}

// The length that a response states, although it has no body (HEAD, 304).
std::optional<std::uint64_t> stated_length(const net::ResponseHead& head) {
  if (head.framing == Framing::kLength) return head.length;
  const auto text = head.headers.find("content-length");
  return text ? base::parse_int<std::uint64_t>(*text) : std::nullopt;
}

}  // namespace

Exchange::Exchange(net::Request& request, net::ResponseWriter& response, Upstream& upstream,
                   const ResponseFilter& filter, Onward onward)
    : request_(request),
      response_(response),
      upstream_(upstream),
      filter_(filter),
      onward_(std::move(onward)),
      is_upgrade_(is_upgrade(onward_.fields)) {}

std::string Exchange::make_head() const {
  std::string head = concat(request_.method(), ' ', onward_.target, " HTTP/1.1\r\n");
  onward_.fields.write_to(head);
  if (request_.head().framing == Framing::kChunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (request_.head().framing == Framing::kLength ||
             request_.headers().find("content-length")) {
    head += concat("Content-Length: ", request_.head().length, "\r\n");
  }
  head += "\r\n";
  return head;
}

bool Exchange::may_repeat() const {
  constexpr std::array<std::string_view, 6> kIdempotent = {"GET", "HEAD",   "OPTIONS",
                                                           "PUT", "DELETE", "TRACE"};
  return request_.head().framing == Framing::kNone && !is_upgrade_ &&
         std::ranges::count(kIdempotent, request_.method()) > 0;
}

Task<Outcome> Exchange::run() {
  const net::Context context = co_await net::current_context();
  net::StopSource stop(context.stop);
  auto watch = request_.stream().stop_at_hangup(stop);
  watch_ = &watch;
  upstream_.on_bytes(Flow::kIn, 0);
  Outcome outcome = co_await net::with_stop(stop.token(), attempt());
  upstream_.on_bytes(Flow::kOut, 0);
  if (outcome || !stop.stop_requested() || response_.started()) co_return outcome;
  if (context.stop.stop_requested()) co_return fault(FaultKind::kStopped, "the sandbox is ending");
  co_return client_gone();
}

Task<Outcome> Exchange::attempt() {
  request_.body().leave_continue();
  for (bool is_repeated = false;; is_repeated = true) {
    if (!is_repeated) connection_ = upstream_.take_idle();
    const bool was_kept = connection_ != nullptr;
    if (!was_kept) {
      auto dialled = co_await upstream_.dial();
      if (!dialled) co_return std::unexpected(std::move(dialled).error());
      connection_ = std::move(*dialled);
    }
    Outcome outcome;
    if (request_.head().framing == Framing::kNone) {
      const auto sent = co_await connection_->stream->write_all(make_head());
      outcome = sent ? co_await respond() : fault(FaultKind::kNoAnswer, sent.error().message);
      body_sent_ = true;
    } else {
      outcome = co_await stream_body(make_head());
    }
    const bool is_whole = outcome.has_value() && body_sent_ && !response_.upgraded();
    if (is_whole && connection_->keep_alive) upstream_.give_back(std::move(connection_));
    connection_.reset();
    const bool is_stale = !outcome && outcome.error().kind == FaultKind::kNoAnswer && was_kept;
    if (!is_stale || is_repeated || !may_repeat()) co_return outcome;
  }
}

Task<Outcome> Exchange::stream_body(std::string head) {
  // Whole at once, as most are: it goes with the head.
  const std::string_view waiting = request_.input().view();
  if (request_.head().framing == Framing::kLength && request_.body().left() <= waiting.size()) {
    const auto size = static_cast<std::size_t>(request_.body().left());
    const auto sent = co_await connection_->stream->write_all(head, waiting.substr(0, size));
    request_.input().consume(size);
    request_.body().skip(size);
    if (!sent) co_return fault(FaultKind::kNoAnswer, sent.error().message);
    upstream_.on_bytes(Flow::kIn, size);
    body_sent_ = true;
    co_return co_await respond();
  }
  const net::Context context = co_await net::current_context();
  net::StopSource cut(context.stop);
  net::TaskScope beside(*context.loop, context.stop);
  beside.spawn(send_body(std::move(head), cut));
  Outcome outcome = co_await net::with_stop(cut.token(), respond());
  // An answer that did not wait for the rest of the body makes that rest pointless.
  beside.request_stop();
  co_await beside.join();
  if (client_failed_ && !response_.started()) co_return client_gone();
  co_return outcome;
}

Task<void> Exchange::send_body(std::string head, net::StopSource& cut) {
  const auto sent = co_await copy_body(std::move(head));
  body_sent_ = sent.has_value();
  // A server that stops reading may still answer; a client that stops sending gets no answer.
  if (client_failed_) cut.request_stop();
}

Task<Result<void>> Exchange::copy_body(std::string head) {
  net::Stream& to = *connection_->stream;
  net::BodyReader& body = request_.body();
  const bool is_chunked = body.framing() == Framing::kChunked;
  const std::span<char> buffer = to.loop().shared_buffer();
  WRENN_CO_TRY(co_await to.write_all(head));
  std::string size;
  while (!body.finished()) {
    if (body.can_splice() && to.can_splice()) {
      if (auto pipe = net::SpliceBuffer::create()) co_return co_await splice_body(*pipe);
    }
    auto n = co_await body.read(buffer);
    if (!n) co_return body_failed(std::move(n).error());
    upstream_.on_bytes(Flow::kIn, *n);
    if (*n == 0) continue;
    size.clear();
    if (is_chunked) net::append_chunk_size(size, *n);
    WRENN_CO_TRY(co_await to.write_shared(size, {buffer.data(), *n},
                                          is_chunked ? net::kChunkEnd : std::string_view()));
  }
  if (!is_chunked) co_return {};
  std::string end = "0\r\n";
  WRENN_CO_TRY_ASSIGN(const net::Headers trailers, body.trailers());
  trailer_fields(trailers).write_to(end);
  end += "\r\n";
  co_return co_await to.write_all(end);
}

// All of a long body, none of which needs a look.
Task<Result<void>> Exchange::splice_body(net::SpliceBuffer& pipe) {
  while (!request_.body().finished()) {
    auto n = co_await request_.body().splice(pipe);
    if (!n) co_return body_failed(std::move(n).error());
    upstream_.on_bytes(Flow::kIn, *n);
    WRENN_CO_TRY(co_await pipe.drain(*connection_->stream));
  }
  co_return {};
}

Result<void> Exchange::body_failed(base::Error error) {
  client_failed_ = error.code != base::Code::kCanceled;
  return base::fail(std::move(error));
}

Task<std::expected<net::ResponseHead, Fault>> Exchange::receive_head() {
  net::InputBuffer& input = connection_->input;
  while (true) {
    auto bytes = co_await input.read_head(kHeadLimits);
    if (!bytes && input.view().empty()) {
      co_return fault(FaultKind::kNoAnswer, "the application closed the connection");
    }
    if (!bytes) co_return fault(FaultKind::kBadAnswer, std::move(bytes).error().message);
    if (bytes->empty()) {
      co_return fault(FaultKind::kNoAnswer, "the application closed the connection unanswered");
    }
    auto head = net::HeadParser::parse_response(*bytes, kHeadLimits, request_.method());
    input.consume(bytes->size());
    if (!head) co_return fault(FaultKind::kBadAnswer, std::move(head).error().message);
    const bool is_interim = head->status < kFirstFinal && head->status != kSwitchingProtocols;
    if (!is_interim) co_return std::move(*head);
    auto fields = filter_.fields(*head);
    if (!fields) co_return std::unexpected(std::move(fields).error());
    if (!co_await response_.interim(head->status, *fields)) co_return client_gone();
  }
}

Task<Outcome> Exchange::respond() {
  auto head = co_await receive_head();
  if (!head) co_return std::unexpected(std::move(head).error());
  auto fields = filter_.fields(*head);
  if (!fields) co_return std::unexpected(std::move(fields).error());
  if (head->status != kSwitchingProtocols) {
    co_return co_await send_response(*head, std::move(*fields));
  }
  if (!is_upgrade_) {
    co_return fault(FaultKind::kBadAnswer, "the application switches protocols unasked");
  }
  co_return co_await switch_protocols(std::move(*fields));
}

Task<Outcome> Exchange::send_response(const net::ResponseHead& head, net::Headers fields) {
  connection_->keep_alive = head.keep_alive;
  net::BodyReader& body = connection_->body.emplace(connection_->input, head.framing, head.length,
                                                    base::Duration::zero());
  std::optional<std::uint64_t> length;
  if (head.framing != Framing::kChunked && head.framing != Framing::kUntilClose) {
    length = stated_length(head);
  }
  response_.prepare(head.status, std::move(fields), length);
  const std::string_view waiting = connection_->input.view();
  if (head.framing == Framing::kLength && waiting.size() >= head.length) {
    const auto sent = co_await response_.finish(waiting.substr(0, head.length));
    connection_->input.consume(static_cast<std::size_t>(head.length));
    upstream_.on_bytes(Flow::kOut, head.length);
    co_return to_client(sent);
  }
  if (head.framing == Framing::kNone) co_return to_client(co_await response_.finish());
  // The head does not wait for the body.
  if (waiting.empty() && !co_await response_.flush()) co_return client_gone();
  Outcome outcome = co_await send_bytes(body);
  if (!outcome) response_.abort();
  co_return outcome;
}

Task<Outcome> Exchange::send_bytes(net::BodyReader& body) {
  const std::span<char> buffer = request_.stream().loop().shared_buffer();
  while (true) {
    if (body.can_splice() && request_.stream().can_splice()) {
      if (auto pipe = net::SpliceBuffer::create()) co_return co_await splice_bytes(body, *pipe);
    }
    const auto n = co_await body.read(buffer);
    if (!n) co_return fault(FaultKind::kCut, n.error().message);
    upstream_.on_bytes(Flow::kOut, *n);
    const std::string_view bytes(buffer.data(), *n);
    if (body.finished()) {
      const auto trailers = body.trailers();
      if (!trailers) co_return fault(FaultKind::kCut, trailers.error().message);
      if (trailers->size() == 0) co_return to_client(co_await response_.finish(bytes));
      if (!co_await response_.write_shared(bytes)) co_return client_gone();
      co_return to_client(co_await response_.finish_with(trailer_fields(*trailers)));
    }
    if (!co_await response_.write_shared(bytes)) co_return client_gone();
  }
}

Task<Outcome> Exchange::splice_bytes(net::BodyReader& body, net::SpliceBuffer& pipe) {
  while (!body.finished()) {
    const auto n = co_await body.splice(pipe);
    if (!n) co_return fault(FaultKind::kCut, n.error().message);
    upstream_.on_bytes(Flow::kOut, *n);
    if (!co_await response_.write(pipe)) co_return client_gone();
  }
  co_return to_client(co_await response_.finish());
}

Task<Outcome> Exchange::switch_protocols(net::Headers fields) {
  if (!co_await response_.upgrade(std::move(fields))) co_return client_gone();
  // A client may end its sending and go on listening.
  watch_->end();
  const auto ended = co_await tunnel({request_.stream(), request_.input()},
                                     {*connection_->stream, connection_->input}, upstream_);
  if (!ended) co_return fault(FaultKind::kCut, ended.error().message);
  co_return {};
}

}  // namespace wrenn::proxy
