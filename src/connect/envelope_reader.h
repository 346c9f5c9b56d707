// EnvelopeReader: the envelopes of a body as they come. For one loop; not thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "connect/compression.h"
#include "connect/envelope.h"
#include "net/byte_source.h"

namespace wrenn::connect {

class EnvelopeReader {
 public:
  // `body` must outlive it. `compression`: of those envelopes that say they are compressed.
  // `max_bytes`: of a message, compressed or not.
  EnvelopeReader(net::ByteSource& body, Compression compression, std::size_t max_bytes)
      : body_(body),
        compression_(compression),
        max_bytes_(max_bytes),
        decoder_(compression == Compression::kIdentity ? max_bytes : packed_limit(max_bytes)) {}

  // Decompressed; the data is valid until the next call. Nothing at the end of the body.
  // kResourceExhausted for a message over the limit; kInternal for bytes that are not envelopes, a
  // compressed message without an encoding, and a body that ends in the middle of an envelope.
  // What the body's own read() fails with is passed on.
  net::Task<base::Result<std::optional<Envelope>>> next();

 private:
  base::Result<Envelope> unpack(Envelope envelope);

  net::ByteSource& body_;
  const Compression compression_;
  const std::size_t max_bytes_;
  EnvelopeDecoder decoder_;
  std::string unpacked_;
};

}  // namespace wrenn::connect
