// Whatever bytes a peer sends as a stream: no crash, and the pieces they come in make no
// difference.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "connect/compression.h"
#include "connect/envelope.h"

namespace {

using namespace wrenn::connect;

constexpr std::size_t kLimit = 1 << 16;

std::vector<std::string> decode_in_pieces(std::string_view bytes, std::size_t piece) {
  EnvelopeDecoder decoder(kLimit);
  std::vector<std::string> messages;
  while (!bytes.empty()) {
    const auto room = decoder.room();
    const std::size_t n = bytes.substr(0, piece).copy(room.data(), room.size());
    decoder.add(n);
    bytes.remove_prefix(n);
    while (true) {
      const auto envelope = decoder.next();
      if (!envelope) return messages;
      if (!*envelope) break;
      messages.emplace_back((*envelope)->data);
      if (!(*envelope)->is_compressed()) continue;
      const auto message = decompress((*envelope)->data, Compression::kGzip, kLimit);
      if (message && message->size() > kLimit) std::abort();
    }
  }
  return messages;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (decode_in_pieces(bytes, 3) != decode_in_pieces(bytes, size + 1)) std::abort();
  return 0;
}
