// The HTTP/1.1 message syntax (RFC 9112): strict, pure, without I/O. Everything here meets hostile
// bytes and is fuzzed.
//
// What is refused although some servers take it, because two parsers in a row may disagree on it:
// bare LF, folded lines, spaces before the colon, several or conflicting lengths, Content-Length
// together with Transfer-Encoding, any transfer coding but a single "chunked", HTTP versions other
// than 1.0 and 1.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/headers.h"

namespace wrenn::net {

struct HeadLimits {
  std::size_t max_bytes = 64 * 1024;
  std::size_t max_target = 16 * 1024;
  std::size_t max_fields = 128;
};

enum class HttpVersion { k10, k11 };

// How the end of a body is found (RFC 9112 section 6).
enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string method;
  std::string target;  // As it came: origin form ("/path?query"), absolute form, or "*".
  HttpVersion version = HttpVersion::k11;
  Headers headers;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;
  bool keep_alive = true;

  // The target's path, still percent-encoded, and its query without '?'.
  std::string_view path() const;
  std::string_view query() const;
};

struct ResponseHead {
  int status = 0;
  HttpVersion version = HttpVersion::k11;
  Headers headers;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;
  bool keep_alive = true;
};

// Where the head ends in what was received so far: the number of bytes including the empty line;
// nothing when more is needed. `scanned` is kept between calls so that bytes are looked at once.
std::optional<std::size_t> find_head_end(std::string_view received, std::size_t& scanned);

// Both take exactly the bytes that find_head_end() measured. kInvalidArgument says what is wrong;
// kOutOfRange: a limit (status 431, or 414 for the target); kUnimplemented: version or coding.
class HeadParser {
 public:
  static base::Result<RequestHead> parse_request(std::string_view head, const HeadLimits& limits);
  // `request_method`: a response to HEAD has no body.
  static base::Result<ResponseHead> parse_response(std::string_view head, const HeadLimits& limits,
                                                   std::string_view request_method);

 private:
  friend class ChunkedDecoder;
  // The lines after the first one, with or without the empty one at the end.
  static base::Result<void> parse_fields(std::string_view text, const HeadLimits& limits,
                                         Headers& headers);
};

// Takes the chunked coding off (RFC 9112 section 7.1). Chunk extensions are skipped, trailers are
// kept; both count against a limit.
class ChunkedDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;  // Bytes of the input that are dealt with.
    std::string_view data;     // Part of the input that is body.
    bool finished = false;     // The body and its trailers have ended.
  };
  // Call again with the rest of the input until consumed is 0 (more input needed) or finished.
  base::Result<Step> decode(std::string_view input);
  // Once finished: the fields behind the body (RFC 9110 section 6.5), unchecked for their meaning.
  base::Result<Headers> trailers() const;

 private:
  enum class State {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerLf,
    kDone
  };
  base::Result<void> on_framing_byte(char c);

  State state_ = State::kSize;
  std::uint64_t left_ = 0;
  std::size_t digits_ = 0;
  std::size_t overhead_ = 0;
  std::size_t line_ = 0;
  std::string trailers_;
};

// The reason phrase, e.g. "Not Found"; "Status" for a number nobody assigned.
std::string_view reason_phrase(int status);

}  // namespace wrenn::net
