// Client and Router together: every kind of call, in both encodings, packed and not.
#include "connect/testing/fixture.h"

namespace wrenn::connect::echo {
namespace {

class StreamsTest : public EchoTest {
 public:
  using Ask = test::Ask;
  using Reply = test::Reply;

  static std::vector<ClientOptions> all_options() {
    std::vector<ClientOptions> all;
    for (const auto codec : {Codec::kProto, Codec::kJson}) {
      for (const auto packing : {Compression::kIdentity, Compression::kGzip}) {
        all.push_back({.codec = codec, .send = packing, .accept = packing});
      }
    }
    return all;
  }

  Task<Result<void>> all_kinds() {
    for (const ClientOptions& options : all_options()) {
      Client calls(*http, options);
      const std::string text(2000, 't');
      WRENN_CO_TRY_ASSIGN(auto reply, co_await calls.unary<Reply>(kUnary, ask(text)));
      EXPECT_EQ(reply.text(), text);
      WRENN_CO_TRY_ASSIGN(auto looked, co_await calls.unary<Reply>(
                                           kLook, ask(text), {.get = HttpGet::kWhenPossible}));
      EXPECT_EQ(looked.text(), text);
      Ask counted = ask(text);
      counted.set_count(100);
      WRENN_CO_TRY_ASSIGN(auto stream, co_await calls.stream<Reply>(kServerStream, counted));
      EXPECT_EQ(co_await count(std::move(stream), text), 100);

      WRENN_CO_TRY_ASSIGN(auto upload, (co_await calls.client_stream<Ask, Reply>(kClientStream)));
      for (int i = 0; i < 5; ++i) WRENN_CO_TRY(co_await upload.write(ask(text)));
      WRENN_CO_TRY_ASSIGN(auto total, co_await upload.finish());
      EXPECT_EQ(total.asks(), 5U);
      EXPECT_EQ(total.text().size(), 5 * text.size());

      WRENN_CO_TRY_ASSIGN(auto both, (co_await calls.bidi_stream<Ask, Reply>(kBidi)));
      for (int i = 0; i < 5; ++i) WRENN_CO_TRY(co_await both.write(ask(text)));
      WRENN_CO_TRY_ASSIGN(auto replies, co_await both.finish());
      EXPECT_EQ(co_await count(std::move(replies), text), 5);
    }
    co_return {};
  }

  static Task<int> count(MessageStream<Reply> stream, std::string text) {
    for (int messages = 0;; ++messages) {
      const auto message = co_await stream.next();
      EXPECT_TRUE(message) << (message ? "" : message.error().message);
      if (!message || !*message) co_return messages;
      EXPECT_EQ((*message)->text(), text);
    }
  }

  Task<Result<void>> errors_and_metadata() {
    Ask failing = ask("x");
    failing.set_error_code("data_loss");
    failing.set_error_message("\nwith \"quotes\" and \U0001f608\r\n");
    failing.set_error_detail("why");
    const auto check = [](const base::Error& error, const ResponseMetadata& metadata) {
      EXPECT_EQ(error.code, Code::kDataLoss);
      EXPECT_EQ(error.message, "\nwith \"quotes\" and \U0001f608\r\n");
      ASSERT_EQ(error.details.size(), 1U);
      EXPECT_EQ(error.details[0].type, "wrenn.test.Ask");
      Ask detail;
      EXPECT_TRUE(detail.ParseFromString(error.details[0].value));
      EXPECT_EQ(detail.text(), "why");
      EXPECT_EQ(metadata.headers.count("x-header"), 2U);
      EXPECT_EQ(metadata.trailers.count("x-trailer"), 2U);
    };
    for (const ClientOptions& options : all_options()) {
      Client calls(*http, options);
      ResponseMetadata metadata;
      const auto reply = co_await calls.unary<Reply>(kUnary, failing, {.metadata = &metadata});
      check(reply.error(), metadata);

      WRENN_CO_TRY_ASSIGN(auto stream, co_await calls.stream<Reply>(kServerStream, failing));
      const auto ended = co_await stream.next();
      check(ended.error(), stream.metadata());

      metadata = {};
      WRENN_CO_TRY_ASSIGN(auto upload, (co_await calls.client_stream<Ask, Reply>(
                                           kClientStream, {.metadata = &metadata})));
      WRENN_CO_TRY(co_await upload.write(failing));
      const auto total = co_await upload.finish();
      check(total.error(), metadata);
    }
    co_return {};
  }

  Task<Result<void>> headers_and_deadline() {
    CallOptions call{.timeout = std::chrono::seconds(20)};
    call.headers.add("X-Sent", "one");
    call.headers.add("X-Sent", "two");
    const auto check = [](const Reply& reply) {
      EXPECT_EQ(reply.sent_size(), 2);
      EXPECT_GT(reply.deadline_ms(), 10'000);
      EXPECT_LE(reply.deadline_ms(), 20'000);
    };
    WRENN_CO_TRY_ASSIGN(const auto reply, co_await client->unary<Reply>(kUnary, ask("a"), call));
    check(reply);
    WRENN_CO_TRY_ASSIGN(auto upload,
                        (co_await client->client_stream<Ask, Reply>(kClientStream, call)));
    WRENN_CO_TRY_ASSIGN(const auto total, co_await upload.finish());
    check(total);
    co_return {};
  }

  Task<Result<void>> deadlines() {
    Ask slow = ask("x");
    slow.set_delay_ms(60'000);
    slow.set_count(2);
    const CallOptions soon{.timeout = milliseconds(50)};
    const auto reply = co_await client->unary<Reply>(kUnary, slow, soon);
    EXPECT_EQ(reply.error().code, Code::kDeadlineExceeded);
    WRENN_CO_TRY_ASSIGN(auto stream, co_await client->stream<Reply>(kServerStream, slow, soon));
    WRENN_CO_TRY_ASSIGN(const auto first, co_await stream.next());
    EXPECT_TRUE(first);
    const auto second = co_await stream.next();
    EXPECT_EQ(second.error().code, Code::kDeadlineExceeded);
    WRENN_CO_TRY_ASSIGN(auto upload,
                        (co_await client->client_stream<Ask, Reply>(kClientStream, soon)));
    WRENN_CO_TRY(co_await upload.write(slow));
    const auto total = co_await upload.finish();
    EXPECT_EQ(total.error().code, Code::kDeadlineExceeded);
    EXPECT_EQ(service.stopped, 3);
    EXPECT_TRUE(service.saw_deadline);
    co_return {};
  }

  // The server hears of it as soon as its loop turns; the wait is for that, and bounded.
  Task<Result<void>> until_stopped(int calls) {
    for (int i = 0; i < 500 && service.stopped < calls; ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(2)));
    }
    EXPECT_EQ(service.stopped, calls);
    EXPECT_FALSE(service.saw_deadline);
    co_return {};
  }

  Task<Result<void>> cancellation() {
    Ask slow = ask("x");
    slow.set_delay_ms(60'000);
    slow.set_count(2);
    const net::Context context = co_await net::current_context();
    {
      // A unary call that is given up.
      const auto reply =
          co_await net::with_timeout(milliseconds(50), client->unary<Reply>(kUnary, slow));
      EXPECT_EQ(reply.error().code, Code::kDeadlineExceeded);
    }
    WRENN_CO_TRY(co_await until_stopped(1));
    {
      WRENN_CO_TRY_ASSIGN(auto stream, co_await client->stream<Reply>(kServerStream, slow));
      WRENN_CO_TRY_ASSIGN(const auto first, co_await stream.next());
      EXPECT_TRUE(first);
    }
    WRENN_CO_TRY(co_await until_stopped(2));
    {
      // Its request never ends.
      WRENN_CO_TRY_ASSIGN(auto upload, (co_await client->client_stream<Ask, Reply>(kClientStream)));
      WRENN_CO_TRY(co_await upload.write(slow));
    }
    {
      WRENN_CO_TRY_ASSIGN(auto upload, (co_await client->client_stream<Ask, Reply>(kClientStream)));
      WRENN_CO_TRY(co_await upload.write(slow));
      const auto given_up = co_await net::with_timeout(milliseconds(50), upload.finish());
      EXPECT_EQ(given_up.error().code, Code::kDeadlineExceeded);
    }
    WRENN_CO_TRY(co_await until_stopped(3));
    {
      // Stopped before it begins.
      net::StopSource stop(context.stop);
      stop.request_stop();
      const auto reply = co_await net::with_stop(stop.token(), client->unary<Reply>(kUnary, slow));
      EXPECT_EQ(reply.error().code, Code::kCanceled);
    }
    co_return {};
  }

  // One connection does for all that are read to their end.
  Task<Result<void>> reuse() {
    for (int round = 0; round < 3; ++round) {
      Ask counted = ask("x");
      counted.set_count(3);
      WRENN_CO_TRY(co_await client->unary<Reply>(kUnary, ask("x")));
      WRENN_CO_TRY_ASSIGN(auto stream, co_await client->stream<Reply>(kServerStream, counted));
      EXPECT_EQ(co_await count(std::move(stream), "x"), 3);
      counted.set_error_code("aborted");
      WRENN_CO_TRY_ASSIGN(auto failing, co_await client->stream<Reply>(kServerStream, counted));
      for (int i = 0; i < 3; ++i) WRENN_CO_TRY(co_await failing.next());
      EXPECT_EQ((co_await failing.next()).error().code, Code::kAborted);
      WRENN_CO_TRY_ASSIGN(auto upload, (co_await client->client_stream<Ask, Reply>(kClientStream)));
      WRENN_CO_TRY(co_await upload.write(ask("x")));
      WRENN_CO_TRY(co_await upload.finish());
      WRENN_CO_TRY_ASSIGN(auto both, (co_await client->bidi_stream<Ask, Reply>(kBidi)));
      WRENN_CO_TRY(co_await both.write(ask("x")));
      WRENN_CO_TRY_ASSIGN(auto replies, co_await both.finish());
      EXPECT_EQ(co_await count(std::move(replies), "x"), 1);
    }
    EXPECT_EQ(service.peers.size(), 1U);
    co_return {};
  }

  // A server that answers before it has read all, and then closes.
  Task<Result<void>> early_answer() {
    Ask broken = ask(std::string(kMaxMessage, 'x'));
    WRENN_CO_TRY_ASSIGN(auto upload, (co_await client->client_stream<Ask, Reply>(kClientStream)));
    for (int i = 0; i < 10; ++i) static_cast<void>(co_await upload.write(broken));
    const auto reply = co_await upload.finish();
    EXPECT_EQ(reply.error().code, Code::kResourceExhausted);
    co_return {};
  }

  // Messages arrive when they are written, not at the end.
  Task<Result<void>> delivery() {
    Ask slow = ask("x");
    slow.set_delay_ms(60'000);
    slow.set_count(1);
    for (const ClientOptions& options : all_options()) {
      Client calls(*http, options);
      WRENN_CO_TRY_ASSIGN(auto stream, co_await calls.stream<Reply>(kServerStream, slow));
      const auto first = co_await net::with_timeout(std::chrono::seconds(5), stream.next());
      EXPECT_TRUE(first && *first);
    }
    co_return {};
  }
};

TEST_F(StreamsTest, EveryKindInEveryForm) {
  run(&StreamsTest::all_kinds);
}
TEST_F(StreamsTest, ErrorsKeepDetailsAndMetadata) {
  run(&StreamsTest::errors_and_metadata);
}
TEST_F(StreamsTest, HeadersAndDeadlineReachTheMethod) {
  run(&StreamsTest::headers_and_deadline);
}
TEST_F(StreamsTest, DeadlinesEndCalls) {
  run(&StreamsTest::deadlines);
}
TEST_F(StreamsTest, ACallThatIsDroppedStopsItsMethod) {
  run(&StreamsTest::cancellation);
}
TEST_F(StreamsTest, AnAnswerDuringTheUploadCounts) {
  run(&StreamsTest::early_answer);
}
TEST_F(StreamsTest, MessagesArriveAtOnce) {
  run(&StreamsTest::delivery);
}
TEST_F(StreamsTest, OneConnectionServesCallAfterCall) {
  run(&StreamsTest::reuse);
}

}  // namespace
}  // namespace wrenn::connect::echo
