#include "connect/envelope_reader.h"

namespace wrenn::connect {

using base::Code;

net::Task<base::Result<std::optional<Envelope>>> EnvelopeReader::next() {
  while (true) {
    WRENN_CO_TRY_ASSIGN(const auto envelope, decoder_.next());
    if (envelope) co_return unpack(*envelope);
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await body_.read(decoder_.room()));
    if (n > 0) {
      decoder_.add(n);
      continue;
    }
    if (decoder_.is_at_boundary()) co_return std::optional<Envelope>();
    co_return base::fail(Code::kInternal, "the stream ended in the middle of a message");
  }
}

base::Result<Envelope> EnvelopeReader::unpack(Envelope envelope) {
  if (!envelope.is_compressed()) return envelope;
  if (compression_ == Compression::kIdentity) {
    return base::fail(Code::kInternal, "a message is compressed, but no encoding was stated");
  }
  WRENN_TRY_ASSIGN(unpacked_, decompress(envelope.data, compression_, max_bytes_));
  return Envelope{envelope.flags, unpacked_};
}

}  // namespace wrenn::connect
