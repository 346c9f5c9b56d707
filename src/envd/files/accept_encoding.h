// Which coding a client wants a file in (RFC 9110 section 12.5.3). Pure; fuzzed.
#pragma once

#include <optional>

#include "net/headers.h"

namespace wrenn::envd {

enum class Encoding { kIdentity, kGzip };

struct AcceptedEncodings {
  // Thousandths; 0: not acceptable.
  int identity = 1;
  int gzip = 0;

  // Nothing when both are excluded. gzip when it was named and the file as it is not preferred.
  std::optional<Encoding> best() const;
};

// From every Accept-Encoding field. Without any, the file as it is.
AcceptedEncodings accepted_encodings(const net::Headers& headers);

}  // namespace wrenn::envd
