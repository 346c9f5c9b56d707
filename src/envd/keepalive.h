// Keepalive-Ping-Interval: after how many seconds without an event a caller wants a sign of life.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "net/headers.h"

namespace wrenn::envd {

// 90 seconds when the header is missing, an hour at most. kInvalidArgument for what is no number of
// seconds above 0.
base::Result<base::Duration> read_keepalive(const net::Headers& headers);

}  // namespace wrenn::envd
