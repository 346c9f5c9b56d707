#include "connect/envelope.h"

#include <gtest/gtest.h>

#include "connect/codec.h"
#include "connect/error.h"

namespace wrenn::connect {
namespace {

using base::Code;

TEST(Envelope, ComesBackFromSinglePieces) {
  const std::string bytes = encode_envelope(0, "hello") + encode_envelope(0, "") +
                            encode_envelope(kEndOfStreamFlag, "{}");
  EnvelopeDecoder decoder(16);
  std::vector<std::string> got;
  bool ended = false;
  for (const char c : bytes) {
    decoder.add({&c, 1});
    const auto envelope = decoder.next();
    ASSERT_TRUE(envelope);
    if (!*envelope) continue;
    got.push_back((*envelope)->data);
    ended = (*envelope)->is_end();
  }
  EXPECT_EQ(got, (std::vector<std::string>{"hello", "", "{}"}));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(decoder.is_at_boundary());
}

TEST(Envelope, LimitIsCheckedBeforeTheBytesCome) {
  EnvelopeDecoder decoder(4);
  decoder.add(encode_envelope(0, "12345").substr(0, kEnvelopeHeadSize));
  const auto envelope = decoder.next();
  ASSERT_FALSE(envelope);
  EXPECT_EQ(envelope.error().code, Code::kResourceExhausted);
}

TEST(Envelope, CompressedAndUnknownFlagsAreRefused) {
  for (const std::uint8_t flags : {std::uint8_t{1}, std::uint8_t{3}, std::uint8_t{0x80}}) {
    EnvelopeDecoder decoder(4);
    decoder.add(encode_envelope(flags, ""));
    EXPECT_EQ(decoder.next().error().code, Code::kInternal);
  }
}

TEST(EndOfStream, CarriesTheError) {
  EXPECT_EQ(end_of_stream_json(nullptr), "{}");
  EXPECT_TRUE(parse_end_of_stream("{\"metadata\":{\"a\":[\"b\"]}}"));
  const base::Error error(Code::kNotFound, "no \"such\" thing", "look elsewhere");
  const auto parsed = parse_end_of_stream(end_of_stream_json(&error));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kNotFound);
  EXPECT_EQ(parsed.error().message, "no \"such\" thing");
  EXPECT_EQ(parsed.error().remedy, "look elsewhere");
  EXPECT_EQ(parse_end_of_stream("nonsense").error().code, Code::kInternal);
}

TEST(ErrorJson, TakesBytesThatAreNotUtf8) {
  EXPECT_EQ(error_json({Code::kNotFound, "a\xff"}), "{\"code\":\"not_found\",\"message\":\"a?\"}");
}

TEST(ErrorJson, AnswersOfOthersAreNotErrors) {
  EXPECT_FALSE(parse_error_json("{\"code\":404,\"message\":\"x\"}"));
  EXPECT_FALSE(parse_error_json("{}"));
  EXPECT_FALSE(parse_error_json("<html>"));
}

TEST(ContentType, FourAreKnown) {
  EXPECT_EQ(parse_content_type("Application/JSON; charset=utf-8"),
            (ContentType{Codec::kJson, CallKind::kUnary}));
  EXPECT_EQ(parse_content_type("application/connect+proto"),
            (ContentType{Codec::kProto, CallKind::kStream}));
  EXPECT_FALSE(parse_content_type("application/grpc"));
  EXPECT_FALSE(parse_content_type(""));
}

}  // namespace
}  // namespace wrenn::connect
