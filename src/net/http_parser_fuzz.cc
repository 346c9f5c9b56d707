// Any bytes: heads and chunked bodies must be parsed or refused, without a fault, and the decoder
// must not depend on how its input was cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "net/http_parser.h"

namespace {

using wrenn::net::ChunkedDecoder;

struct Decoded {
  std::string body;
  bool failed = false;
};

Decoded decode(std::string_view input, std::size_t piece) {
  ChunkedDecoder decoder;
  Decoded out;
  std::size_t available = 0;
  while (true) {
    const auto step = decoder.decode(input.substr(0, available));
    if (!step) {
      out.failed = true;
      return out;
    }
    out.body += step->data;
    input.remove_prefix(step->consumed);
    available -= step->consumed;
    if (step->finished) return out;
    if (step->consumed > 0) continue;
    if (available == input.size()) return out;
    available = std::min(input.size(), available + piece);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::size_t scanned = 0;
  if (const auto end = wrenn::net::find_head_end(input, scanned)) {
    const auto head = input.substr(0, *end);
    (void)wrenn::net::HeadParser::parse_request(head, {});
    (void)wrenn::net::HeadParser::parse_response(head, {}, "GET");
  }
  const Decoded whole = decode(input, size + 1);
  const Decoded bytewise = decode(input, 1);
  if (whole.failed != bytewise.failed || (!whole.failed && whole.body != bytewise.body))
    std::abort();
  return 0;
}
