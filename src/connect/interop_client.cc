// Calls an EchoService of other origin with every kind of call and every form of message, and
// checks the answers. Arguments: its port. Says what went wrong.
#include <cstdio>
#include <cstdlib>

#include "base/strings.h"
#include "connect/client.h"
#include "connect/testing/echo_service.h"
#include "net/scope.h"

namespace wrenn::connect::echo {
namespace {

using base::Code;
using base::Result;
using net::Task;
using test::Ask;
using test::Reply;

Result<void> expect(bool condition, std::string_view what) {
  if (condition) return {};
  return base::fail(Code::kInternal, std::string(what));
}

Ask ask(std::string text) {
  Ask ask;
  ask.set_text(std::move(text));
  return ask;
}

Task<Result<int>> count(MessageStream<Reply> stream) {
  for (int messages = 0;; ++messages) {
    WRENN_CO_TRY_ASSIGN(const auto message, co_await stream.next());
    if (!message) {
      WRENN_CO_TRY(expect(stream.metadata().trailers.count("x-trailer") > 0, "no trailer"));
      co_return messages;
    }
  }
}

Task<Result<void>> check_unary(Client& client, std::string text) {
  for (const auto get : {HttpGet::kNever, HttpGet::kWhenPossible}) {
    ResponseMetadata metadata;
    WRENN_CO_TRY_ASSIGN(
        const auto reply,
        co_await client.unary<Reply>(kLook, ask(text), {.get = get, .metadata = &metadata}));
    WRENN_CO_TRY(expect(reply.text() == text, "another text"));
    WRENN_CO_TRY(expect(metadata.headers.find("x-header").has_value(), "no header"));
    WRENN_CO_TRY(expect(metadata.trailers.find("x-trailer").has_value(), "no trailer"));
  }
  Ask failing = ask("x");
  failing.set_error_code("data_loss");
  failing.set_error_message("gone \U0001f608");
  failing.set_error_detail("why");
  const auto failed = co_await client.unary<Reply>(kUnary, failing);
  WRENN_CO_TRY(expect(!failed && failed.error().code == Code::kDataLoss, "another code"));
  WRENN_CO_TRY(expect(failed.error().message == "gone \U0001f608", "another message"));
  WRENN_CO_TRY(expect(failed.error().details.size() == 1, "no detail"));
  Ask detail;
  WRENN_CO_TRY(expect(detail.ParseFromString(failed.error().details[0].value), "a broken detail"));
  co_return expect(detail.text() == "why", "another detail");
}

Task<Result<void>> check_streams(Client& client, std::string text) {
  Ask counted = ask(text);
  counted.set_count(20);
  WRENN_CO_TRY_ASSIGN(auto stream, co_await client.stream<Reply>(kServerStream, counted));
  WRENN_CO_TRY_ASSIGN(const int streamed, co_await count(std::move(stream)));
  WRENN_CO_TRY(expect(streamed == 20, "a server stream of another length"));
  WRENN_CO_TRY_ASSIGN(auto upload, (co_await client.client_stream<Ask, Reply>(kClientStream)));
  for (int i = 0; i < 3; ++i) WRENN_CO_TRY(co_await upload.write(ask(text)));
  WRENN_CO_TRY_ASSIGN(const auto total, co_await upload.finish());
  co_return expect(total.asks() == 3, "a client stream of another length");
}

Task<Result<void>> check_deadline(Client& client) {
  Ask slow = ask("x");
  slow.set_delay_ms(30'000);
  slow.set_count(2);
  const CallOptions soon{.timeout = std::chrono::milliseconds(100)};
  const auto reply = co_await client.unary<Reply>(kUnary, slow, soon);
  WRENN_CO_TRY(expect(!reply && reply.error().code == Code::kDeadlineExceeded, "no deadline"));
  WRENN_CO_TRY_ASSIGN(auto stream, co_await client.stream<Reply>(kServerStream, slow, soon));
  const auto counted = co_await count(std::move(stream));
  co_return expect(!counted && counted.error().code == Code::kDeadlineExceeded,
                   "no deadline of a stream");
}

Task<Result<void>> check_all(std::uint16_t port) {
  net::HttpClient http(*net::Endpoint::tcp("127.0.0.1", port), {});
  for (const auto codec : {Codec::kProto, Codec::kJson}) {
    for (const auto packing : {Compression::kIdentity, Compression::kGzip}) {
      Client client(http, {.codec = codec, .send = packing, .accept = packing});
      for (const std::size_t size : {2u, 3000u}) {
        WRENN_CO_TRY(co_await check_unary(client, std::string(size, 't')));
        WRENN_CO_TRY(co_await check_streams(client, std::string(size, 't')));
      }
      WRENN_CO_TRY(co_await check_deadline(client));
    }
  }
  co_return {};
}

}  // namespace
}  // namespace wrenn::connect::echo

int main(int argc, char** argv) {
  const auto port = argc == 2 ? wrenn::base::parse_int<std::uint16_t>(argv[1]) : std::nullopt;
  if (!port) return 2;
  wrenn::net::Loop loop;
  const auto checked = loop.block_on(wrenn::connect::echo::check_all(*port));
  if (checked) return 0;
  std::fprintf(stderr, "%s: %s\n",
               std::string(wrenn::base::code_name(checked.error().code)).c_str(),
               checked.error().to_string().c_str());
  return 1;
}
