// The syntax of WebSocket (RFC 6455): the handshake's fields, frames, and the messages they make
// up. Pure, without I/O, fuzzed. Extensions are neither offered nor taken.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http_parser.h"

namespace wrenn::net {

// Section 4.2.1: a request that a server may answer with 101. kInvalidArgument says what is wrong;
// kUnimplemented: another version than 13, to be answered with status 426.
base::Result<void> check_websocket_request(const RequestHead& head);
// Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string websocket_accept(std::string_view key);

// Section 5.2.
enum class Opcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// Section 7.4.1, those that we send.
enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kInvalidText = 1007,
  kPolicyViolation = 1008,
  kTooBig = 1009,
  kInternalError = 1011,
  kTryAgainLater = 1013,
};

using MaskKey = std::array<std::uint8_t, 4>;

// Whose frames are read: a client masks all of them, a server none.
enum class FrameSender { kClient, kServer };

struct FrameHead {
  Opcode opcode = Opcode::kBinary;
  bool is_final = true;
  std::uint64_t length = 0;
  std::optional<MaskKey> mask;
  std::size_t size = 0;  // Of the head itself, in bytes.
};

// Nothing when more bytes are needed. kInvalidArgument: what the RFC forbids.
base::Result<std::optional<FrameHead>> parse_frame_head(std::string_view received,
                                                        FrameSender sender);
// `size` of the head is not used. The payload of a masked frame goes through apply_mask().
std::string write_frame_head(const FrameHead& head);
// The same call masks and unmasks. `offset`: of the first byte in the payload.
void apply_mask(std::span<char> payload, const MaskKey& mask, std::uint64_t offset = 0);

// The payload of a close frame. The reason is cut to what a control frame holds (123 bytes), at
// the beginning of a character.
std::string close_payload(CloseCode code, std::string_view reason);

struct WebSocketMessage {
  Opcode kind = Opcode::kBinary;  // Not kContinuation.
  std::string data;               // Without the code in front, for kClose.
  std::uint16_t close_code = 0;   // 1005 when a close frame has none (section 7.1.5).
};

// Puts the messages of one side together again. Control frames between the parts of a message are
// given out at once.
class WebSocketReader {
 public:
  WebSocketReader(FrameSender sender, std::size_t max_message)
      : sender_(sender), max_message_(max_message) {}

  // Takes bytes from the front of `received`; the rest is to be given again, with more behind it.
  // Nothing when all is taken that can be. After an error, or a close, there is nothing to read.
  // kInvalidArgument (to be told as 1002), kDataLoss: text that is not UTF-8 (1007),
  // kResourceExhausted: a message over the limit (1009).
  base::Result<std::optional<WebSocketMessage>> next(std::string_view& received);

 private:
  base::Result<void> begin_frame(const FrameHead& head);
  base::Result<std::optional<WebSocketMessage>> end_frame();

  const FrameSender sender_;
  const std::size_t max_message_;
  std::optional<FrameHead> frame_;  // The one whose payload is being read.
  std::uint64_t taken_ = 0;         // Of that payload.
  std::optional<Opcode> kind_;      // Of the message that is being put together.
  std::string message_;
  std::string control_;
};

}  // namespace wrenn::net
