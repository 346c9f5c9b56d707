#include "net/http_parser.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::Code;

base::Result<RequestHead> parse(std::string_view text) {
  return HeadParser::parse_request(text, HeadLimits());
}

TEST(FindHeadEnd, FindsAnEndThatIsCutAnywhere) {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    std::size_t scanned = 0;
    const auto early = find_head_end(std::string_view(text).substr(0, cut), scanned);
    EXPECT_EQ(early.has_value(), cut >= 27) << cut;
    EXPECT_EQ(find_head_end(text, scanned), 27u) << cut;
  }
}

TEST(ParseRequest, ReadsAHead) {
  const auto head =
      parse("POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\ncontent-LENGTH: 12\r\nX:\t v \r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->path(), "/a%20b");
  EXPECT_EQ(head->query(), "x=1&y");
  EXPECT_EQ(head->framing, Framing::kLength);
  EXPECT_EQ(head->length, 12u);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_EQ(head->headers.find("x"), "v");
}

TEST(ParseRequest, AbsoluteFormHasAPath) {
  EXPECT_EQ(parse("GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n")->path(), "/p");
  EXPECT_EQ(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n")->path(), "/");
}

TEST(ParseRequest, RefusesWhatParsersDisagreeOn) {
  for (const auto* text : {
           "GET / HTTP/1.1\r\n\r\n",                                     // no host
           "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",               // two hosts
           "GET / HTTP/1.1\nHost: a\r\n\r\n",                            // bare LF
           "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",       // folding
           "GET / HTTP/1.1\r\nHost : a\r\n\r\n",                         // space before colon
           "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",                       // space in target
           "GET / HTTP/2.0\r\nHost: a\r\n\r\n",                          // version
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",  // list
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",    // sign
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
           "x\r\n\r\n",
           "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
           "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
       }) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(ParseRequest, LimitsAreNamed) {
  HeadLimits limits;
  limits.max_target = 10;
  limits.max_fields = 2;
  const auto target =
      HeadParser::parse_request("GET /12345678901 HTTP/1.1\r\nHost: a\r\n\r\n", limits);
  EXPECT_EQ(target.error().code, Code::kOutOfRange);
  const auto fields =
      HeadParser::parse_request("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n", limits);
  EXPECT_EQ(fields.error().code, Code::kOutOfRange);
}

TEST(ParseResponse, KnowsWhenThereIsNoBody) {
  const HeadLimits limits;
  const auto head = [&](std::string_view text, std::string_view method) {
    return *HeadParser::parse_response(text, limits, method);
  };
  EXPECT_EQ(head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD").framing, Framing::kNone);
  EXPECT_EQ(head("HTTP/1.1 204 No Content\r\n\r\n", "GET").framing, Framing::kNone);
  EXPECT_EQ(head("HTTP/1.1 200\r\n\r\n", "GET").framing, Framing::kUntilClose);
  EXPECT_FALSE(head("HTTP/1.1 200 OK\r\n\r\n", "GET").keep_alive);
  EXPECT_FALSE(HeadParser::parse_response("HTTP/1.1 OK\r\n\r\n", limits, "GET"));
  EXPECT_FALSE(HeadParser::parse_response("HTTP/1.1 20000\r\n\r\n", limits, "GET"));
}

// Decodes input that comes in pieces of `piece` bytes.
base::Result<std::string> decode(std::string_view input, std::size_t piece) {
  ChunkedDecoder decoder;
  std::string body;
  std::string waiting;
  while (true) {
    const auto step = decoder.decode(waiting);
    if (!step) return base::fail(step.error());
    body += step->data;
    waiting.erase(0, step->consumed);
    if (step->finished) return body + "|" + waiting + std::string(input);
    if (step->consumed > 0) continue;
    if (input.empty()) return base::fail(Code::kUnavailable, "cut");
    waiting += input.substr(0, piece);
    input.remove_prefix(std::min(piece, input.size()));
  }
}

TEST(ChunkedDecoder, DecodesPiecesOfAnySize) {
  const std::string_view input =
      "5\r\nhello\r\nA;ext=\"1\"\r\n 0123456789\r\n0\r\nTrailer: x\r\n\r\nnext";
  const std::string fixed = "5\r\nhello\r\na;ext=1\r\n 012345678\r\n0\r\nTrailer: x\r\n\r\nnext";
  EXPECT_FALSE(decode(input, 100));  // The second chunk is one byte longer than it says.
  for (std::size_t piece = 1; piece <= fixed.size(); ++piece) {
    EXPECT_EQ(decode(fixed, piece).value_or("failed"), "hello 012345678|next") << piece;
  }
}

TEST(ChunkedDecoder, RefusesMalformedChunks) {
  for (const auto* text :
       {"\r\n", "g\r\n", "5\nhello", "5\r\nhelloX\r\n", "-1\r\n", "0x5\r\nhello", " 5\r\nhello\r\n",
        "FFFFFFFFFFFFFFFF\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"}) {
    EXPECT_FALSE(decode(text, 100)) << text;
  }
  EXPECT_FALSE(decode("1;" + std::string(10'000, 'a') + "\r\nx\r\n0\r\n\r\n", 100));
}

TEST(Headers, FindsSetsAndRefusesForgedLines) {
  Headers headers = Headers().with("Content-Type", "text/plain");
  headers.add("X", "1\r\nY: 2");
  EXPECT_EQ(headers.size(), 1u);
  headers.set("content-type", "a/b");
  EXPECT_EQ(headers.find("CONTENT-TYPE"), "a/b");
  headers.add("Connection", "keep-alive, Upgrade");
  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_FALSE(headers.has_token("connection", "up"));
}

}  // namespace
}  // namespace wrenn::net
