// Whatever bytes a peer sends as a stream: no crash, and the pieces they come in make no
// difference.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "connect/envelope.h"
#include "connect/error.h"

namespace {

using wrenn::connect::EnvelopeDecoder;

std::vector<std::string> decode_in_pieces(std::string_view bytes, std::size_t piece) {
  EnvelopeDecoder decoder(1 << 16);
  std::vector<std::string> messages;
  while (!bytes.empty()) {
    decoder.add(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    while (true) {
      const auto envelope = decoder.next();
      if (!envelope) return messages;
      if (!*envelope) break;
      if ((*envelope)->is_end()) {
        static_cast<void>(wrenn::connect::parse_end_of_stream((*envelope)->data));
      }
      messages.push_back((*envelope)->data);
    }
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (decode_in_pieces(bytes, 3) != decode_in_pieces(bytes, size + 1)) std::abort();
  static_cast<void>(wrenn::connect::parse_error_json(bytes));
  return 0;
}
