#include "vm/memory_map.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/crypto.h"
#include "base/strings.h"
#include "vm/memory_map_format.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kChecksumBytes = 8;
static_assert(kMaxMemoryLayers == WRENN_MAP_MAX_LAYERS && kZeroLayer == WRENN_MAP_ZERO &&
              kMaxMemoryExtents == WRENN_MAP_MAX_EXTENTS);

std::unexpected<base::Error> broken(std::string_view what) {
  return base::fail(Code::kDataLoss, concat("a memory map ", what));
}

template <class T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
T take(std::string_view& bytes) {
  T value;
  bytes.copy(reinterpret_cast<char*>(&value), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

bool is_whole_pages(std::uint64_t bytes) {
  return bytes % WRENN_MAP_PAGE == 0;
}

// `end`: where the extent before it ends.
Result<void> check_extent(const MemoryExtent& extent, std::uint64_t end, const MemoryMap& map) {
  if (extent.offset != end) return broken("has a gap");
  const bool is_sized = extent.length > 0 && is_whole_pages(extent.length) &&
                        extent.length <= map.memory_bytes - extent.offset;
  if (!is_sized) return broken("has an extent of a wrong length");
  if (extent.layer == kZeroLayer && extent.layer_offset == 0) return {};
  constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;
  const bool is_placed = extent.layer >= 0 && extent.layer < map.layer_count &&
                         is_whole_pages(extent.layer_offset) && extent.layer_offset < kMaxOffset;
  if (!is_placed) return broken("has an extent in no layer");
  return {};
}

}  // namespace

MemoryMap MemoryMap::zero(std::uint64_t memory_bytes) {
  return {.memory_bytes = memory_bytes,
          .layer_count = 0,
          .extents = {{.offset = 0, .length = memory_bytes}}};
}

void MemoryMap::append(const MemoryExtent& extent) {
  if (!extents.empty()) {
    MemoryExtent& last = extents.back();
    const bool continues =
        last.layer == extent.layer &&
        (last.layer == kZeroLayer || last.layer_offset + last.length == extent.layer_offset);
    if (continues) {
      last.length += extent.length;
      return;
    }
  }
  extents.push_back(extent);
}

std::string to_bytes(const MemoryMap& map) {
  std::string out;
  out.reserve(sizeof(wrenn_map_header) + map.extents.size() * sizeof(wrenn_map_extent) +
              kChecksumBytes);
  put(out, wrenn_map_header{.magic = WRENN_MAP_MAGIC,
                            .memory_bytes = map.memory_bytes,
                            .layer_count = static_cast<std::uint32_t>(map.layer_count),
                            .extent_count = static_cast<std::uint32_t>(map.extents.size())});
  for (const auto& extent : map.extents) {
    put(out, wrenn_map_extent{.offset = extent.offset,
                              .length = extent.length,
                              .layer_offset = extent.layer_offset,
                              .layer = extent.layer,
                              .reserved = 0});
  }
  out += base::sha256(out).substr(0, kChecksumBytes);
  return out;
}

Result<MemoryMap> parse_memory_map(std::string_view bytes) {
  if (bytes.size() < sizeof(wrenn_map_header) + kChecksumBytes) return broken("is too short");
  const std::string_view checksum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.remove_suffix(kChecksumBytes);
  if (base::sha256(bytes).substr(0, kChecksumBytes) != checksum) {
    return broken("has a wrong checksum");
  }
  const auto header = take<wrenn_map_header>(bytes);
  if (header.magic != WRENN_MAP_MAGIC) return broken("is of an unknown kind");
  const bool is_sane = header.memory_bytes > 0 && is_whole_pages(header.memory_bytes) &&
                       header.layer_count <= WRENN_MAP_MAX_LAYERS &&
                       header.extent_count <= WRENN_MAP_MAX_EXTENTS &&
                       bytes.size() == header.extent_count * sizeof(wrenn_map_extent);
  if (!is_sane) return broken("has a wrong size");
  MemoryMap map{header.memory_bytes, static_cast<int>(header.layer_count), {}};
  map.extents.reserve(header.extent_count);
  std::uint64_t end = 0;
  while (!bytes.empty()) {
    const auto raw = take<wrenn_map_extent>(bytes);
    if (raw.reserved != 0) return broken("is of a later kind");
    const MemoryExtent extent{raw.offset, raw.length, raw.layer, raw.layer_offset};
    WRENN_TRY(check_extent(extent, end, map));
    end += extent.length;
    map.extents.push_back(extent);
  }
  if (end != map.memory_bytes) return broken("ends too early");
  return map;
}

Result<MemoryMap> read_memory_map(const base::Path& path) {
  WRENN_TRY_ASSIGN(const std::string bytes, base::read_file(path));
  auto map = parse_memory_map(bytes);
  if (!map) return base::fail(std::move(map).error().with_context(path.native()));
  return map;
}

Result<void> check_layers(const MemoryMap& map, const std::vector<base::Path>& layers) {
  if (layers.size() != static_cast<std::size_t>(map.layer_count)) {
    return broken("speaks of another number of layers");
  }
  std::vector<std::uint64_t> needed(layers.size());
  for (const auto& extent : map.extents) {
    if (extent.layer == kZeroLayer) continue;
    auto& end = needed[static_cast<std::size_t>(extent.layer)];
    end = std::max(end, extent.layer_offset + extent.length);
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    struct stat info{};
    const bool is_there = ::stat(layers[i].c_str(), &info) == 0 && S_ISREG(info.st_mode);
    if (is_there && static_cast<std::uint64_t>(info.st_size) >= needed[i]) continue;
    return base::fail(Code::kDataLoss,
                      concat("the memory layer ", layers[i].native(), " is missing or too short"));
  }
  return {};
}

}  // namespace wrenn::vm
