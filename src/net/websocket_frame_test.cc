#include "net/websocket_frame.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::Code;
using namespace std::string_literals;

constexpr MaskKey kMask = {0x37, 0xfa, 0x21, 0x3d};

std::string frame(Opcode opcode, std::string payload, bool is_final = true,
                  std::optional<MaskKey> mask = kMask) {
  const FrameHead head{
      .opcode = opcode, .is_final = is_final, .length = payload.size(), .mask = mask};
  if (mask) apply_mask(payload, *mask);
  return write_frame_head(head) + payload;
}

// All messages, each as "kind:data", and the error's code at the end, if any.
std::string read_all(const std::string& bytes, std::size_t step, std::size_t limit = 1000) {
  WebSocketReader reader(FrameSender::kClient, limit);
  std::string out;
  std::string buffer;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    buffer += bytes.substr(at, step);
    std::string_view left = buffer;
    while (true) {
      const auto message = reader.next(left);
      if (!message) return out + std::string(base::code_name(message.error().code));
      if (!*message) break;
      const std::string code =
          (*message)->close_code == 0 ? "" : std::to_string((*message)->close_code);
      out += base::concat(static_cast<int>((*message)->kind), ':', code, (*message)->data, ' ');
    }
    buffer = left;
  }
  return out;
}

TEST(WebSocketFrames, TheExamplesOfTheRfc) {
  // Section 5.7.
  const std::string masked = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s;
  EXPECT_EQ(frame(Opcode::kText, "Hello"), masked);
  EXPECT_EQ(frame(Opcode::kText, "Hello", true, std::nullopt), "\x81\x05Hello");
  EXPECT_EQ(frame(Opcode::kText, "Hel", false, std::nullopt), "\x01\x03Hel");
  EXPECT_EQ(read_all(masked, 100), "1:Hello ");
  // Section 1.3.
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketFrames, LengthsTakeTheirShortestForm) {
  for (const std::uint64_t length : {0ull, 125ull, 126ull, 0xffffull, 0x10000ull, 1ull << 40}) {
    const std::string bytes = write_frame_head({.length = length, .mask = kMask});
    const auto head = parse_frame_head(bytes, FrameSender::kClient);
    ASSERT_TRUE(head && *head) << length;
    EXPECT_EQ((*head)->length, length);
    EXPECT_EQ((*head)->size, bytes.size());
    EXPECT_EQ((*head)->mask, kMask);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const auto early = parse_frame_head(bytes.substr(0, cut), FrameSender::kClient);
      EXPECT_TRUE(early && !*early) << length << " cut at " << cut;
    }
  }
}

TEST(WebSocketFrames, RefusesWhatTheRfcForbids) {
  const auto code_of = [](const std::string& bytes, FrameSender sender) {
    const auto head = parse_frame_head(bytes, sender);
    return head ? Code::kUnknown : head.error().code;
  };
  const std::string mask = "abcd";
  for (const std::string& bytes : {
           "\xc2\x80"s + mask,  // a reserved bit
           "\x83\x80"s + mask,  // unknown opcodes
           "\x8b\x80"s + mask,
           "\x09\x80"s + mask,          // a ping in parts
           "\x89\xfe\x00\x7e"s + mask,  // a long ping
           "\x82\xfe\x00\x7d"s + mask,  // longer forms than needed
           "\x82\xff\0\0\0\0\0\0\xff\xff"s + mask,
           "\x82\xff\x80\0\0\0\0\0\0\0"s + mask,  // more than 63 bits
           "\x82\x00"s,                           // not masked
       }) {
    EXPECT_EQ(code_of(bytes, FrameSender::kClient), Code::kInvalidArgument) << base::to_hex(bytes);
  }
  EXPECT_EQ(code_of("\x82\x80" + mask, FrameSender::kServer), Code::kInvalidArgument);
}

TEST(WebSocketReader, PutsMessagesTogetherHoweverTheyCome) {
  const std::string bytes = frame(Opcode::kText, "a\xc3", false) + frame(Opcode::kPing, "p") +
                            frame(Opcode::kContinuation, "", false) +
                            frame(Opcode::kContinuation, "\xa4z") + frame(Opcode::kBinary, "\xff") +
                            frame(Opcode::kBinary, "") + frame(Opcode::kPong, "") +
                            frame(Opcode::kBinary, std::string(200, 'x')) +
                            frame(Opcode::kClose,
                                  "\x03\xe8"
                                  "bye");
  const std::string expected =
      base::concat("9:p 1:a\xc3\xa4z 2:\xff 2: 10: 2:", std::string(200, 'x'), " 8:1000bye ");
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(read_all(bytes, step), expected) << step;
  }
}

TEST(WebSocketReader, SaysWhatIsWrong) {
  struct Case {
    std::string bytes;
    std::string expected;
  };
  for (const Case& c : std::vector<Case>{
           {frame(Opcode::kContinuation, "x"), "invalid_argument"},
           {frame(Opcode::kText, "x", false) + frame(Opcode::kText, "x"), "invalid_argument"},
           {frame(Opcode::kText, "\xff"), "data_loss"},
           {frame(Opcode::kText, "\xc3", false) + frame(Opcode::kContinuation, "("), "data_loss"},
           {frame(Opcode::kBinary, std::string(1001, 'x')), "resource_exhausted"},
           {frame(Opcode::kBinary, std::string(600, 'x'), false) +
                frame(Opcode::kContinuation, std::string(401, 'x')),
            "resource_exhausted"},
           {frame(Opcode::kClose, "x"), "invalid_argument"},
           {frame(Opcode::kClose, "\x03\xed"), "invalid_argument"},  // 1005
           {frame(Opcode::kClose, "\x03\xe8\xff"), "data_loss"},
           {frame(Opcode::kClose, ""), "8:1005 "},
           {frame(Opcode::kClose, "\x0b\xb8"), "8:3000 "},
       }) {
    EXPECT_EQ(read_all(c.bytes, 1), c.expected) << base::to_hex(c.bytes);
  }
}

TEST(WebSocketFrames, AReasonIsCutBetweenCharacters) {
  EXPECT_EQ(close_payload(CloseCode::kGoingAway, "bye"),
            "\x03\xe9"
            "bye");
  const std::string reason = std::string(122, 'x') + "\xc3\xa4";
  EXPECT_EQ(close_payload(CloseCode::kNormal, reason), "\x03\xe8" + std::string(122, 'x'));
}

TEST(WebSocketRequest, IsChecked) {
  const auto check = [](std::string_view name, std::string_view value, std::string method = "GET") {
    RequestHead head;
    head.method = std::move(method);
    head.headers = Headers()
                       .with("Connection", "keep-alive, Upgrade")
                       .with("Upgrade", "WebSocket")
                       .with("Sec-WebSocket-Version", "13")
                       .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    if (!name.empty()) head.headers.set(name, value);
    const auto checked = check_websocket_request(head);
    return checked ? "ok"s : std::string(base::code_name(checked.error().code));
  };
  EXPECT_EQ(check("", ""), "ok");
  EXPECT_EQ(check("", "", "POST"), "invalid_argument");
  EXPECT_EQ(check("Connection", "keep-alive"), "invalid_argument");
  EXPECT_EQ(check("Upgrade", "h2c"), "invalid_argument");
  EXPECT_EQ(check("Sec-WebSocket-Version", "8"), "unimplemented");
  EXPECT_EQ(check("Sec-WebSocket-Key", "c2hvcnQ="), "invalid_argument");
}

}  // namespace
}  // namespace wrenn::net
