// GzipEncoder, GzipDecoder: the gzip coding (RFC 1952) of bytes that come bit by bit, in constant
// memory. No I/O; the decoder meets hostile bytes and is fuzzed. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/byte_source.h"

namespace wrenn::net {

class GzipEncoder {
 public:
  GzipEncoder();
  GzipEncoder(GzipEncoder&&) noexcept;
  ~GzipEncoder();

  // Appends to `out` whatever is ready.
  void feed(std::string_view bytes, std::string& out);
  // Appends the rest and the trailer. Nothing is fed afterwards.
  void finish(std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class GzipDecoder {
 public:
  GzipDecoder();
  GzipDecoder(GzipDecoder&&) noexcept;
  ~GzipDecoder();

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
  };
  // Decodes from the beginning of `bytes` into `out` until one of them is used up. kInvalidArgument
  // for bytes that are not gzip, and for any that follow its end. Several members in a row are one
  // text (section 2.2).
  base::Result<Step> decode(std::string_view bytes, std::span<char> out);
  // True when what was decoded so far is a whole: the input may end here.
  bool is_complete() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string gzip(std::string_view bytes);
// kResourceExhausted past `limit` bytes of output, whatever the input claims; kInvalidArgument for
// what is not gzip or is cut short.
base::Result<std::string> gunzip(std::string_view bytes, std::size_t limit);

// The decoded bytes of a source of gzip, which must outlive it. kInvalidArgument when it is not
// gzip or ends too early.
class GunzipSource final : public ByteSource {
 public:
  explicit GunzipSource(ByteSource& source);
  Task<base::Result<std::size_t>> read(std::span<char> buffer) override;

 private:
  ByteSource& source_;
  GzipDecoder decoder_;
  std::string input_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

}  // namespace wrenn::net
