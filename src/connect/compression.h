// Compression: how messages are packed on the wire: not at all, or with gzip. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::connect {

enum class Compression { kIdentity, kGzip };

// The name in headers: "identity", "gzip".
std::string_view compression_name(Compression compression);
// Nothing for an unknown one. An empty name is identity.
std::optional<Compression> parse_compression(std::string_view name);
// From a list such as "gzip;q=0.5, br": gzip when it is there and not refused (q=0).
Compression choose_compression(std::string_view accepted);

// The packed message, when it becomes smaller by that; nothing when it is better sent as it is:
// below `min_bytes`, or without a gain.
std::optional<std::string> compress(std::string_view bytes, Compression compression,
                                    std::size_t min_bytes);
// kResourceExhausted when the message is larger than `limit`, whatever its packed size;
// kInvalidArgument when it is not packed like this. No bytes are an empty message.
base::Result<std::string> decompress(std::string_view bytes, Compression compression,
                                     std::size_t limit);
// How many packed bytes a message of `limit` bytes may take: packing may add a little.
std::size_t packed_limit(std::size_t limit);

}  // namespace wrenn::connect
