#include "connect/compression.h"

#include "base/strings.h"
#include "net/gzip.h"

namespace wrenn::connect {

std::string_view compression_name(Compression compression) {
  return compression == Compression::kGzip ? "gzip" : "identity";
}

std::optional<Compression> parse_compression(std::string_view name) {
  name = base::trim(name);
  if (name.empty() || base::equal_ignore_case(name, "identity")) return Compression::kIdentity;
  if (base::equal_ignore_case(name, "gzip")) return Compression::kGzip;
  return std::nullopt;
}

Compression choose_compression(std::string_view accepted) {
  while (!accepted.empty()) {
    const std::size_t comma = accepted.find(',');
    const std::string_view entry = accepted.substr(0, comma);
    accepted.remove_prefix(comma == std::string_view::npos ? accepted.size() : comma + 1);
    const std::size_t semicolon = entry.find(';');
    const std::string_view name = base::trim(entry.substr(0, semicolon));
    if (!base::equal_ignore_case(name, "gzip")) continue;
    if (semicolon == std::string_view::npos) return Compression::kGzip;
    const std::string_view weight = base::trim(entry.substr(semicolon + 1));
    // "q=0", "q=0.0": refused.
    const bool refused =
        weight.starts_with("q=0") && weight.find_first_of("123456789") == std::string_view::npos;
    if (!refused) return Compression::kGzip;
  }
  return Compression::kIdentity;
}

std::optional<std::string> compress(std::string_view bytes, Compression compression,
                                    std::size_t min_bytes) {
  if (compression == Compression::kIdentity || bytes.size() < min_bytes) return std::nullopt;
  std::string packed = net::gzip(bytes);
  if (packed.size() >= bytes.size()) return std::nullopt;
  return packed;
}

base::Result<std::string> decompress(std::string_view bytes, Compression compression,
                                     std::size_t limit) {
  if (compression == Compression::kIdentity || bytes.empty()) return std::string(bytes);
  auto message = net::gunzip(bytes, limit);
  if (!message) return base::fail(std::move(message).error().with_context("a compressed message"));
  return message;
}

std::size_t packed_limit(std::size_t limit) {
  // Deflate adds 5 bytes to each stored block of at least 16 KiB, gzip 18 to the whole.
  return limit + limit / 1000 + 64;
}

}  // namespace wrenn::connect
