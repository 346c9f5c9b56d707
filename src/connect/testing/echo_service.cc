#include "connect/testing/echo_service.h"

#include "base/strings.h"
#include "net/loop.h"

namespace wrenn::connect::echo {
namespace {

using base::Result;
using net::Task;

test::Reply make_reply(const CallContext& context, const test::Ask& ask) {
  test::Reply reply;
  reply.set_text(ask.text());
  reply.set_data(ask.data());
  reply.set_favorite_color(ask.favorite_color());
  for (std::size_t i = 0; i < context.request_headers.size(); ++i) {
    const auto [name, value] = context.request_headers[i];
    if (base::equal_ignore_case(name, "x-sent")) reply.add_sent(std::string(value));
  }
  if (context.deadline) reply.set_deadline_ms(base::to_ms(*context.deadline - base::steady_now()));
  return reply;
}

Result<void> error_of(const test::Ask& ask) {
  if (ask.error_code().empty()) return {};
  base::Error error(base::code_from_name(ask.error_code()), ask.error_message());
  if (!ask.error_detail().empty()) {
    test::Ask detail;
    detail.set_text(ask.error_detail());
    error.details.push_back({std::string(detail.GetTypeName()), detail.SerializeAsString()});
  }
  return base::fail(std::move(error));
}

}  // namespace

void EchoService::add_to(Router& router) {
  router.unary(kUnary, *this, &EchoService::unary);
  router.unary(kLook, *this, &EchoService::unary);
  router.stream(kServerStream, *this, &EchoService::server_stream);
  router.client_stream(kClientStream, *this, &EchoService::client_stream);
  router.bidi_stream(kBidi, *this, &EchoService::bidi);
}

void EchoService::greet(CallContext& context) {
  peers.insert(&context.peer);
  for (const auto* value : {"one", "two"}) {
    context.response_headers.add("X-Header", value);
    context.response_trailers.add("X-Trailer", value);
  }
}

Task<Result<void>> EchoService::wait(CallContext& context, const Ask& ask) {
  if (ask.delay_ms() == 0) co_return {};
  const auto slept = co_await net::sleep_for(std::chrono::milliseconds(ask.delay_ms()));
  if (!slept) {
    ++stopped;
    saw_deadline = context.deadline_passed();
  }
  co_return slept;
}

Task<Result<test::Reply>> EchoService::unary(CallContext& context, const Ask& ask) {
  greet(context);
  WRENN_CO_TRY(co_await wait(context, ask));
  WRENN_CO_TRY(error_of(ask));
  Reply reply = make_reply(context, ask);
  reply.set_asks(1);
  co_return reply;
}

Task<Result<void>> EchoService::server_stream(CallContext& context, const Ask& ask,
                                              StreamWriter<Reply>& out) {
  greet(context);
  Reply reply = make_reply(context, ask);
  for (std::uint32_t i = 0; i < ask.count(); ++i) {
    reply.set_index(i);
    WRENN_CO_TRY(co_await out.write(reply));
    WRENN_CO_TRY(co_await wait(context, ask));
  }
  co_return error_of(ask);
}

Task<Result<test::Reply>> EchoService::client_stream(CallContext& context, StreamReader<Ask>& in) {
  greet(context);
  Ask last;
  std::string text;
  std::uint32_t asks = 0;
  while (true) {
    WRENN_CO_TRY_ASSIGN(auto ask, co_await in.next());
    if (!ask) break;
    ++asks;
    text += ask->text();
    last = std::move(*ask);
  }
  WRENN_CO_TRY(co_await wait(context, last));
  WRENN_CO_TRY(error_of(last));
  Reply reply = make_reply(context, last);
  reply.set_text(text);
  reply.set_asks(asks);
  co_return reply;
}

Task<Result<void>> EchoService::bidi(CallContext& context, StreamReader<Ask>& in,
                                     StreamWriter<Reply>& out) {
  greet(context);
  std::vector<Ask> asks;
  while (true) {
    WRENN_CO_TRY_ASSIGN(auto ask, co_await in.next());
    if (!ask) break;
    asks.push_back(std::move(*ask));
  }
  for (const Ask& ask : asks) {
    WRENN_CO_TRY(co_await wait(context, ask));
    WRENN_CO_TRY(error_of(ask));
    Reply reply = make_reply(context, ask);
    reply.set_asks(static_cast<std::uint32_t>(asks.size()));
    WRENN_CO_TRY(co_await out.write(reply));
  }
  co_return {};
}

}  // namespace wrenn::connect::echo
