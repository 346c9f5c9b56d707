// Envelopes: how the messages of a stream are framed: one byte of flags, four bytes of length (big
// endian), the message. Pure; meets hostile bytes and is fuzzed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::connect {

inline constexpr std::uint8_t kCompressedFlag = 0x01;
inline constexpr std::uint8_t kEndOfStreamFlag = 0x02;
inline constexpr std::size_t kEnvelopeHeadSize = 5;

struct Envelope {
  std::uint8_t flags = 0;
  std::string_view data;
  bool is_end() const { return (flags & kEndOfStreamFlag) != 0; }
  bool is_compressed() const { return (flags & kCompressedFlag) != 0; }
};

// The head and the data in one piece.
std::string encode_envelope(std::uint8_t flags, std::string_view data);
// Writes the head of `size` bytes of data to the first kEnvelopeHeadSize bytes of `out`.
void write_envelope_head(std::span<char> out, std::uint8_t flags, std::size_t size);

// Takes bytes as they come and gives envelopes back. Keeps at most one envelope of `max_bytes` and
// one piece of input; what a peer announces and does not send costs nothing.
class EnvelopeDecoder {
 public:
  explicit EnvelopeDecoder(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Room for more bytes, to be read into; then as many as came are given to add(). This ends the
  // life of earlier envelopes.
  std::span<char> room();
  void add(std::size_t n) { end_ += n; }
  // Nothing when more bytes are needed. The envelope's data is valid until room() is called.
  // kResourceExhausted for an envelope over the limit, kInternal for unknown flags. Not to be
  // called again after an error.
  base::Result<std::optional<Envelope>> next();
  // False when an envelope was begun and not completed.
  bool is_at_boundary() const { return begin_ == end_; }

 private:
  const std::size_t max_bytes_;
  std::string bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace wrenn::connect
