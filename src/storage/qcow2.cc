#include "storage/qcow2.h"

#include <concepts>

namespace wrenn::storage::qcow2 {
namespace {

constexpr std::uint32_t kMagic = 0x514649FB;  // "QFI\xfb"
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kClusterBits = 16;
constexpr std::uint32_t kRefcountOrder = 4;  // 16 bits
constexpr std::uint32_t kBackingFormatExtension = 0xE2792ACA;
constexpr std::uint64_t kBytesPerL1Entry = 8192 * kClusterBytes;
constexpr std::size_t kBackingOffset = 8;  // Where the name begins; its length follows.
constexpr std::size_t kSizeOffset = 24;

template <std::unsigned_integral T>
void put(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> shift) & 0xFF);
  }
}

template <std::unsigned_integral T>
T get(std::string_view bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<unsigned char>(bytes[offset + i]));
  }
  return value;
}

std::string extensions(std::string_view backing_format) {
  std::string out;
  put(out, kBackingFormatExtension);
  put(out, static_cast<std::uint32_t>(backing_format.size()));
  out += backing_format;
  out.resize((out.size() + 7) / 8 * 8);
  put(out, std::uint64_t{0});  // End of the extensions: type and length zero.
  return out;
}

}  // namespace

OverlayParts overlay(std::uint64_t virtual_bytes, std::string_view backing_name,
                     std::string_view backing_format) {
  const std::string extension_bytes = extensions(backing_format);
  const std::uint64_t l1_entries = (virtual_bytes + kBytesPerL1Entry - 1) / kBytesPerL1Entry;

  OverlayParts parts;
  std::string& h = parts.header;
  put(h, kMagic);
  put(h, kVersion);
  put(h, std::uint64_t{kHeaderBytes + extension_bytes.size()});  // Where the backing name stands.
  put(h, static_cast<std::uint32_t>(backing_name.size()));
  put(h, kClusterBits);
  put(h, virtual_bytes);
  put(h, std::uint32_t{0});  // Not encrypted.
  put(h, static_cast<std::uint32_t>(l1_entries));
  put(h, std::uint64_t{3 * kClusterBytes});  // L1 table.
  put(h, std::uint64_t{1 * kClusterBytes});  // Refcount table,
  put(h, std::uint32_t{1});                  // one cluster of it.
  put(h, std::uint32_t{0});                  // No internal snapshots,
  put(h, std::uint64_t{0});                  // nor a table of them.
  put(h, std::uint64_t{0});                  // Incompatible features.
  put(h, std::uint64_t{0});                  // Compatible features; bit 0 would be lazy refcounts.
  put(h, std::uint64_t{0});                  // Autoclear features.
  put(h, kRefcountOrder);
  put(h, static_cast<std::uint32_t>(kHeaderBytes));
  h += extension_bytes;
  h += backing_name;

  put(parts.refcount_table, std::uint64_t{2 * kClusterBytes});
  for (std::uint64_t cluster = 0; cluster < kOverlayBytes / kClusterBytes; ++cluster) {
    put(parts.refcount_block, std::uint16_t{1});
  }
  return parts;
}

namespace {

base::Result<void> check_header(std::string_view header) {
  constexpr std::size_t kVersion2Header = 72;
  if (header.size() < kVersion2Header || get<std::uint32_t>(header, 0) != kMagic) {
    return base::fail(base::Code::kDataLoss, "not a qcow2 image");
  }
  if (const auto version = get<std::uint32_t>(header, 4); version != 2 && version != 3) {
    return base::fail(base::Code::kDataLoss, "a qcow2 image of an unknown version");
  }
  return {};
}

}  // namespace

base::Result<std::uint64_t> virtual_bytes(std::string_view header) {
  WRENN_TRY(check_header(header));
  return get<std::uint64_t>(header, kSizeOffset);
}

base::Result<std::string> backing_name(std::string_view first_cluster) {
  WRENN_TRY(check_header(first_cluster));
  const auto begin = get<std::uint64_t>(first_cluster, kBackingOffset);
  const auto size = get<std::uint32_t>(first_cluster, kBackingOffset + 8);
  if (begin == 0) return std::string();
  const bool fits = size <= kMaxBackingName && begin <= first_cluster.size() &&
                    size <= first_cluster.size() - begin;
  if (!fits) return base::fail(base::Code::kDataLoss, "a qcow2 image with a broken header");
  return std::string(first_cluster.substr(begin, size));
}

}  // namespace wrenn::storage::qcow2
