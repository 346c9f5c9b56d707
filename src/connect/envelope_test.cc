#include "connect/envelope.h"

#include <gtest/gtest.h>

#include "connect/codec.h"
#include "connect/error.h"

namespace wrenn::connect {
namespace {

using base::Code;

void add(EnvelopeDecoder& decoder, std::string_view bytes) {
  const auto room = decoder.room();
  ASSERT_GE(room.size(), bytes.size());
  bytes.copy(room.data(), room.size());
  decoder.add(bytes.size());
}

TEST(Envelope, ComesBackFromSinglePieces) {
  const std::string bytes = encode_envelope(0, "hello") + encode_envelope(kCompressedFlag, "") +
                            encode_envelope(kEndOfStreamFlag, "{}");
  EnvelopeDecoder decoder(16);
  std::vector<std::string> got;
  bool ended = false;
  for (const char c : bytes) {
    add(decoder, {&c, 1});
    const auto envelope = decoder.next();
    ASSERT_TRUE(envelope);
    if (!*envelope) continue;
    got.emplace_back((*envelope)->data);
    ended = (*envelope)->is_end();
    EXPECT_EQ((*envelope)->is_compressed(), (*envelope)->data.empty());
  }
  EXPECT_EQ(got, (std::vector<std::string>{"hello", "", "{}"}));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(decoder.is_at_boundary());
}

TEST(Envelope, LimitIsCheckedBeforeTheBytesCome) {
  EnvelopeDecoder decoder(4);
  add(decoder, encode_envelope(0, "12345").substr(0, kEnvelopeHeadSize));
  const auto envelope = decoder.next();
  ASSERT_FALSE(envelope);
  EXPECT_EQ(envelope.error().code, Code::kResourceExhausted);
}

TEST(Envelope, UnknownFlagsAreRefused) {
  for (const std::uint8_t flags : {std::uint8_t{4}, std::uint8_t{0x80}}) {
    EnvelopeDecoder decoder(4);
    add(decoder, encode_envelope(flags, ""));
    EXPECT_EQ(decoder.next().error().code, Code::kInternal);
  }
}

TEST(Envelope, AnAnnouncedLengthTakesNoMemory) {
  EnvelopeDecoder decoder(1 << 30);
  std::string head(kEnvelopeHeadSize, '\0');
  write_envelope_head(head, 0, 1 << 30);
  add(decoder, head);
  EXPECT_TRUE(decoder.next());
  EXPECT_LE(decoder.room().size(), 64U * 1024);
}

TEST(Envelope, ALargeMessageComesInPieces) {
  const std::string large(1'000'000, 'x');
  const std::string bytes = encode_envelope(0, large) + encode_envelope(0, "y");
  EnvelopeDecoder decoder(large.size());
  std::string_view left = bytes;
  std::vector<std::size_t> sizes;
  while (!left.empty()) {
    const std::size_t n = left.copy(decoder.room().data(), decoder.room().size());
    decoder.add(n);
    left.remove_prefix(n);
    while (true) {
      const auto envelope = decoder.next();
      ASSERT_TRUE(envelope);
      if (!*envelope) break;
      sizes.push_back((*envelope)->data.size());
    }
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{large.size(), 1}));
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
