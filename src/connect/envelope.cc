#include "connect/envelope.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::connect {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kKeptSize = 256 * 1024;

std::size_t read_length(std::string_view head) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < kEnvelopeHeadSize; ++i) {
    length = length << 8 | static_cast<std::uint8_t>(head[i]);
  }
  return length;
}

}  // namespace

void write_envelope_head(std::span<char> out, std::uint8_t flags, std::size_t size) {
  out[0] = static_cast<char>(flags);
  for (std::size_t i = 1; i < kEnvelopeHeadSize; ++i) {
    out[i] = static_cast<char>(size >> (8 * (kEnvelopeHeadSize - 1 - i)) & 0xff);
  }
}

std::string encode_envelope(std::uint8_t flags, std::string_view data) {
  std::string bytes;
  bytes.reserve(kEnvelopeHeadSize + data.size());
  bytes.resize(kEnvelopeHeadSize);
  write_envelope_head(bytes, flags, data.size());
  bytes += data;
  return bytes;
}

std::span<char> EnvelopeDecoder::room() {
  if (begin_ > 0) {
    std::copy(bytes_.begin() + static_cast<std::ptrdiff_t>(begin_),
              bytes_.begin() + static_cast<std::ptrdiff_t>(end_), bytes_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  // The room for a large message is given back after it.
  if (end_ == 0 && bytes_.size() > kKeptSize) std::string().swap(bytes_);
  // Doubled when half of it waits: a large message grows with what came of it.
  if (bytes_.size() - end_ < bytes_.size() / 2 || bytes_.empty()) {
    bytes_.resize(std::max(kReadSize, bytes_.size() * 2));
  }
  return std::span(bytes_).subspan(end_);
}

base::Result<std::optional<Envelope>> EnvelopeDecoder::next() {
  const auto waiting = std::string_view(bytes_).substr(begin_, end_ - begin_);
  if (waiting.size() < kEnvelopeHeadSize) return std::optional<Envelope>();
  const auto flags = static_cast<std::uint8_t>(waiting[0]);
  if ((flags & ~(kCompressedFlag | kEndOfStreamFlag)) != 0) {
    return base::fail(base::Code::kInternal, base::concat("unknown envelope flags ", flags));
  }
  const std::size_t length = read_length(waiting);
  if (length > max_bytes_) {
    return base::fail(base::Code::kResourceExhausted,
                      base::concat("a message of ", base::human_bytes(length),
                                   " is larger than the limit, ", base::human_bytes(max_bytes_)));
  }
  if (waiting.size() - kEnvelopeHeadSize < length) return std::optional<Envelope>();
  begin_ += kEnvelopeHeadSize + length;
  return std::optional(Envelope{flags, waiting.substr(kEnvelopeHeadSize, length)});
}

}  // namespace wrenn::connect
