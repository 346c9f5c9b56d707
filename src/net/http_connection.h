// What both ends of an HTTP/1.1 connection need: buffered reading of heads and bodies.
#pragma once

#include <string>

#include "net/byte_source.h"
#include "net/http_parser.h"
#include "net/splice.h"
#include "net/stream.h"

namespace wrenn::net {

// The bytes that came but were not used yet.
class InputBuffer {
 public:
  explicit InputBuffer(Stream& stream) : stream_(stream) {}

  Stream& stream() const { return stream_; }
  std::string_view view() const { return std::string_view(bytes_).substr(used_); }
  void consume(std::size_t n);
  // Reads more; false at the end of the stream.
  Task<base::Result<bool>> fill();
  // Reads past the buffer when it is empty, so that bulk bytes are copied once. An idle connection
  // holds no memory here.
  Task<base::Result<std::size_t>> read(std::span<char> buffer);
  // The bytes of the next head; empty when the stream ended cleanly before its first byte.
  // kOutOfRange past the limit. They stay valid until consume().
  Task<base::Result<std::string_view>> read_head(const HeadLimits& limits);
  // The same for what is here already: nothing when read_head() would have to wait, or to fail.
  std::optional<std::string_view> waiting_head(const HeadLimits& limits);

 private:
  Stream& stream_;
  std::string bytes_;
  std::size_t used_ = 0;
  std::size_t scanned_ = 0;  // Of view(), for the end of a head.
};

// The line before a chunk of so many bytes (RFC 9112 section 7.1), appended; and the end of a body.
void append_chunk_size(std::string& out, std::size_t size);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kChunkAndBodyEnd = "\r\n0\r\n\r\n";

// The body of the message whose head was just read. kUnavailable when it is cut short.
class BodyReader final : public ByteSource {
 public:
  BodyReader(InputBuffer& input, Framing framing, std::uint64_t length, base::Duration timeout)
      : input_(input), framing_(framing), left_(length), timeout_(timeout) {
    finished_ = framing == Framing::kNone;
  }

  Task<base::Result<std::size_t>> read(std::span<char> buffer) override;
  bool finished() const { return finished_; }
  Framing framing() const { return framing_; }
  // The same into an empty buffer, for a body that can_splice().
  Task<base::Result<std::size_t>> splice(SpliceBuffer& buffer);
  // Whether so much of a body with a stated length is still to come that this pays.
  bool can_splice() const;
  // Of a body with a stated length: what is still to come.
  std::uint64_t left() const { return left_; }
  // The caller took so many bytes of a body with a stated length past this reader.
  void skip(std::uint64_t bytes) {
    left_ -= bytes;
    finished_ = left_ == 0;
  }
  // Once finished: the fields behind a chunked body.
  base::Result<Headers> trailers() const { return chunks_.trailers(); }

  // Before the first byte is read, tell the client to send it ("100 Continue").
  void expect_continue(Stream& stream) {
    continue_to_ = &stream;
    awaits_continue_ = true;
  }
  // Somebody else tells it.
  void leave_continue() { continue_to_ = nullptr; }
  // The client may never send the body.
  bool awaits_continue() const { return awaits_continue_; }

 private:
  Task<base::Result<std::size_t>> read_now(std::span<char> buffer);
  Task<base::Result<std::size_t>> splice_now(SpliceBuffer& buffer);
  Task<base::Result<std::size_t>> read_chunked(std::span<char> buffer);

  InputBuffer& input_;
  const Framing framing_;
  std::uint64_t left_;
  const base::Duration timeout_;
  ChunkedDecoder chunks_;
  bool finished_ = false;
  Stream* continue_to_ = nullptr;
  bool awaits_continue_ = false;
};

}  // namespace wrenn::net
