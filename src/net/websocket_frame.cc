#include "net/websocket_frame.h"

#include <algorithm>

#include <boost/uuid/detail/sha1.hpp>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kMaxControl = 125;
constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::uint16_t kNoCloseCode = 1005;

bool is_control(Opcode opcode) {
  return static_cast<std::uint8_t>(opcode) >= static_cast<std::uint8_t>(Opcode::kClose);
}

bool is_opcode(std::uint8_t value) {
  return value <= static_cast<std::uint8_t>(Opcode::kBinary) ||
         (value >= static_cast<std::uint8_t>(Opcode::kClose) &&
          value <= static_cast<std::uint8_t>(Opcode::kPong));
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

void write_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

std::unexpected<base::Error> violation(std::string_view what) {
  return base::fail(Code::kInvalidArgument, std::string(what));
}

// Section 7.4: what may stand in a close frame.
bool is_close_code(std::uint16_t code) {
  constexpr std::uint16_t kFirstOfApplications = 3000;
  constexpr std::uint16_t kEndOfApplications = 5000;
  if (code >= kFirstOfApplications) return code < kEndOfApplications;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

Result<void> check_frame(const FrameHead& head, FrameSender sender) {
  if (head.mask.has_value() != (sender == FrameSender::kClient)) {
    return violation(head.mask ? "a server's frame is masked" : "a client's frame is not masked");
  }
  if (is_control(head.opcode) && (!head.is_final || head.length > kMaxControl)) {
    return violation("a control frame is in parts or longer than 125 bytes");
  }
  return {};
}

Result<WebSocketMessage> read_close(std::string_view payload) {
  WebSocketMessage message{.kind = Opcode::kClose, .data = {}, .close_code = kNoCloseCode};
  if (payload.empty()) return message;
  if (payload.size() < 2) return violation("a close frame has half a code");
  message.close_code = static_cast<std::uint16_t>(read_big_endian(payload.substr(0, 2)));
  if (!is_close_code(message.close_code)) return violation("a close frame has a forbidden code");
  message.data = payload.substr(2);
  if (!base::is_valid_utf8(message.data)) {
    return base::fail(Code::kDataLoss, "the reason of a close frame is not UTF-8");
  }
  return message;
}

}  // namespace

Result<void> check_websocket_request(const RequestHead& head) {
  const Headers& headers = head.headers;
  if (head.method != "GET" || head.version != HttpVersion::k11) {
    return violation("a WebSocket begins with GET and HTTP/1.1");
  }
  if (!headers.has_token("Connection", "upgrade") || !headers.has_token("Upgrade", "websocket")) {
    return base::fail(Code::kInvalidArgument, "this address is for WebSockets",
                      "send Connection: Upgrade and Upgrade: websocket");
  }
  if (headers.find("Sec-WebSocket-Version") != "13") {
    return base::fail(Code::kUnimplemented, "this version of WebSocket is not known",
                      "use version 13");
  }
  constexpr std::size_t kKeySize = 16;
  const auto key = base::from_base64(headers.find("Sec-WebSocket-Key").value_or(""));
  if (headers.count("Sec-WebSocket-Key") != 1 || !key || key->size() != kKeySize) {
    return violation("Sec-WebSocket-Key must be 16 bytes in base64");
  }
  return {};
}

std::string websocket_accept(std::string_view key) {
  const std::string text = base::concat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  boost::uuids::detail::sha1 sha1;
  sha1.process_bytes(text.data(), text.size());
  boost::uuids::detail::sha1::digest_type words;
  sha1.get_digest(words);
  std::string digest;
  for (const std::uint32_t word : words) write_big_endian(digest, word, 4);
  return base::to_base64(digest);
}

Result<std::optional<FrameHead>> parse_frame_head(std::string_view received, FrameSender sender) {
  constexpr std::size_t kShortest = 2;
  if (received.size() < kShortest) return std::nullopt;
  const auto first = static_cast<std::uint8_t>(received[0]);
  const auto second = static_cast<std::uint8_t>(received[1]);
  const std::uint8_t opcode = first & 0x0f;
  if ((first & kReserved) != 0) return violation("a frame uses an extension that was not agreed");
  if (!is_opcode(opcode)) return violation("a frame has an unknown opcode");

  FrameHead head{.opcode = static_cast<Opcode>(opcode), .is_final = (first & kFinal) != 0};
  const std::uint8_t length = second & ~kMasked;
  const std::size_t more = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  const std::size_t mask = (second & kMasked) != 0 ? std::tuple_size_v<MaskKey> : 0;
  head.size = kShortest + more + mask;
  if (received.size() < head.size) return std::nullopt;
  head.length = more == 0 ? length : read_big_endian(received.substr(kShortest, more));
  const std::uint64_t least = more == 2 ? kLength16 : more == 8 ? 0x10000 : 0;
  if (head.length < least || head.length >> 63 != 0) {
    return violation("the length of a frame is not in its shortest form");
  }
  if (mask > 0) {
    head.mask.emplace();
    std::ranges::copy(received.substr(kShortest + more, mask), head.mask->begin());
  }
  WRENN_TRY(check_frame(head, sender));
  return head;
}

std::string write_frame_head(const FrameHead& head) {
  std::string out;
  out += static_cast<char>(static_cast<std::uint8_t>(head.opcode) | (head.is_final ? kFinal : 0));
  const std::uint8_t mask = head.mask ? kMasked : 0;
  if (head.length < kLength16) {
    out += static_cast<char>(head.length | mask);
  } else if (head.length <= 0xffff) {
    out += static_cast<char>(kLength16 | mask);
    write_big_endian(out, head.length, 2);
  } else {
    out += static_cast<char>(kLength64 | mask);
    write_big_endian(out, head.length, 8);
  }
  if (head.mask) out.append(head.mask->begin(), head.mask->end());
  return out;
}

void apply_mask(std::span<char> payload, const MaskKey& mask, std::uint64_t offset) {
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<char>(payload[i] ^ mask[(offset + i) % mask.size()]);
  }
}

std::string close_payload(CloseCode code, std::string_view reason) {
  std::size_t size = std::min(reason.size(), kMaxControl - 2);
  const auto is_inside_character = [&](std::size_t at) {
    return at < reason.size() && (static_cast<std::uint8_t>(reason[at]) & 0xc0) == 0x80;
  };
  while (size > 0 && is_inside_character(size)) --size;
  std::string out;
  write_big_endian(out, static_cast<std::uint16_t>(code), 2);
  out += reason.substr(0, size);
  return out;
}

Result<void> WebSocketReader::begin_frame(const FrameHead& head) {
  taken_ = 0;
  control_.clear();
  if (is_control(head.opcode)) return {};
  if ((head.opcode == Opcode::kContinuation) != kind_.has_value()) {
    return violation(kind_ ? "a message begins inside another"
                           : "a frame goes on with a message that was not begun");
  }
  if (!kind_) kind_ = head.opcode;
  if (head.length > max_message_ - message_.size()) {
    return base::fail(Code::kResourceExhausted,
                      base::concat("a message is larger than ", max_message_, " bytes"));
  }
  return {};
}

Result<std::optional<WebSocketMessage>> WebSocketReader::end_frame() {
  const FrameHead head = *std::exchange(frame_, std::nullopt);
  if (head.opcode == Opcode::kClose) return read_close(control_);
  if (is_control(head.opcode)) {
    return WebSocketMessage{.kind = head.opcode, .data = std::move(control_)};
  }
  if (!head.is_final) return std::nullopt;
  WebSocketMessage message{.kind = *std::exchange(kind_, std::nullopt),
                           .data = std::exchange(message_, {})};
  if (message.kind == Opcode::kText && !base::is_valid_utf8(message.data)) {
    return base::fail(Code::kDataLoss, "a text message is not UTF-8");
  }
  return message;
}

Result<std::optional<WebSocketMessage>> WebSocketReader::next(std::string_view& received) {
  while (true) {
    if (!frame_) {
      WRENN_TRY_ASSIGN(const auto head, parse_frame_head(received, sender_));
      if (!head) return std::nullopt;
      received.remove_prefix(head->size);
      WRENN_TRY(begin_frame(*head));
      frame_ = head;
    }
    std::string& out = is_control(frame_->opcode) ? control_ : message_;
    const std::size_t old_size = out.size();
    out += received.substr(0, std::min<std::uint64_t>(received.size(), frame_->length - taken_));
    const std::span<char> added = std::span(out).subspan(old_size);
    if (frame_->mask) apply_mask(added, *frame_->mask, taken_);
    received.remove_prefix(added.size());
    taken_ += added.size();
    if (taken_ < frame_->length) return std::nullopt;
    WRENN_TRY_ASSIGN(auto message, end_frame());
    if (message) return message;
  }
}

}  // namespace wrenn::net
