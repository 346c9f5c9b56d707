// Envelopes: how the messages of a stream are framed: one byte of flags, four bytes of length (big
// endian), the message. Pure; meets hostile bytes and is fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::connect {

inline constexpr std::uint8_t kCompressedFlag = 0x01;
inline constexpr std::uint8_t kEndOfStreamFlag = 0x02;
inline constexpr std::size_t kEnvelopeHeadSize = 5;

struct Envelope {
  std::uint8_t flags = 0;
  std::string data;
  bool is_end() const { return (flags & kEndOfStreamFlag) != 0; }
};

// The head and the data in one piece.
std::string encode_envelope(std::uint8_t flags, std::string_view data);

// Takes bytes as they come and gives envelopes back. Keeps at most one envelope of `max_bytes` and
// one piece of input.
class EnvelopeDecoder {
 public:
  explicit EnvelopeDecoder(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  void add(std::string_view bytes) { bytes_.append(bytes); }
  // Nothing when more bytes are needed. kResourceExhausted for an envelope over the limit,
  // kInternal for a compressed one (nobody offers compression) and for unknown flags. Not to be
  // called again after an error.
  base::Result<std::optional<Envelope>> next();
  // False when an envelope was begun and not completed.
  bool is_at_boundary() const { return bytes_.size() == used_; }

 private:
  const std::size_t max_bytes_;
  std::string bytes_;
  std::size_t used_ = 0;
};

}  // namespace wrenn::connect
