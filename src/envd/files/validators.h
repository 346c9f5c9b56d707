// Whether a client's copy of a file is still good, and whether a condition of its holds (RFC 9110
// section 13). Pure; fuzzed.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/headers.h"

namespace wrenn::envd {

struct Validators {
  std::string etag;           // With its quotes.
  std::int64_t modified = 0;  // Seconds since 1970.
};

// `variant` tells apart several forms of one file, e.g. "-gzip".
Validators validators_of(const struct stat& file, std::string_view variant);

enum class Condition { kHolds, kNotModified, kFailed };

// If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in their order of precedence.
// For GET and HEAD.
Condition check_conditions(const net::Headers& headers, const Validators& current);
// True also when there is no If-Range: a Range field then counts.
bool range_applies(const net::Headers& headers, const Validators& current);

// "Sun, 06 Nov 1994 08:49:37 GMT". Seconds since 1970.
std::string http_date(std::int64_t time);
// Nothing for anything else, also for the two obsolete forms: a condition with one is ignored.
std::optional<std::int64_t> parse_http_date(std::string_view text);

}  // namespace wrenn::envd
