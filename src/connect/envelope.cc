#include "connect/envelope.h"

#include "base/strings.h"

namespace wrenn::connect {
namespace {

std::size_t read_length(std::string_view head) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < kEnvelopeHeadSize; ++i) {
    length = length << 8 | static_cast<std::uint8_t>(head[i]);
  }
  return length;
}

}  // namespace

std::string encode_envelope(std::uint8_t flags, std::string_view data) {
  std::string bytes;
  bytes.reserve(kEnvelopeHeadSize + data.size());
  bytes += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(data.size() >> shift & 0xff);
  }
  bytes += data;
  return bytes;
}

base::Result<std::optional<Envelope>> EnvelopeDecoder::next() {
  const std::string_view waiting = std::string_view(bytes_).substr(used_);
  if (waiting.size() < kEnvelopeHeadSize) return std::optional<Envelope>();
  const auto flags = static_cast<std::uint8_t>(waiting[0]);
  if ((flags & kCompressedFlag) != 0) {
    return base::fail(base::Code::kInternal, "a message is compressed although nobody asked");
  }
  if ((flags & ~kEndOfStreamFlag) != 0) {
    return base::fail(base::Code::kInternal, base::concat("unknown envelope flags ", flags));
  }
  const std::size_t length = read_length(waiting);
  if (length > max_bytes_) {
    return base::fail(base::Code::kResourceExhausted,
                      base::concat("a message of ", length, " bytes is larger than ", max_bytes_));
  }
  if (waiting.size() - kEnvelopeHeadSize < length) return std::optional<Envelope>();
  Envelope envelope{flags, std::string(waiting.substr(kEnvelopeHeadSize, length))};
  used_ += kEnvelopeHeadSize + length;
  // Moving the rest down for every small message would cost the square of their number.
  if (used_ >= bytes_.size() / 2) {
    bytes_.erase(0, used_);
    used_ = 0;
  }
  return std::optional<Envelope>(std::move(envelope));
}

}  // namespace wrenn::connect
