#include "vm/memory_map.h"

#include <cstring>

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "vm/memory_map_format.h"

namespace wrenn::vm {
namespace {

constexpr std::uint64_t kPage = 4096;

MemoryMap sample() {
  MemoryMap map;
  map.memory_bytes = 16 * kPage;
  map.layer_count = 2;
  map.append({0, 4 * kPage, 0, 0});
  map.append({4 * kPage, 2 * kPage});
  map.append({6 * kPage, 1 * kPage, 1, 0});
  map.append({7 * kPage, 9 * kPage, 0, 7 * kPage});
  return map;
}

// The bytes of a map with extent `index` changed, and a checksum that fits.
template <class Change>
std::string with(std::size_t index, Change change) {
  std::string bytes = to_bytes(sample());
  bytes.resize(bytes.size() - 8);
  wrenn_map_extent extent;
  const std::size_t at = sizeof(wrenn_map_header) + index * sizeof extent;
  std::memcpy(&extent, bytes.data() + at, sizeof extent);
  change(extent);
  std::memcpy(bytes.data() + at, &extent, sizeof extent);
  return bytes + base::sha256(bytes).substr(0, 8);
}

void expect_broken(const std::string& bytes, std::string_view mention) {
  const auto map = parse_memory_map(bytes);
  ASSERT_FALSE(map) << mention;
  EXPECT_EQ(map.error().code, base::Code::kDataLoss);
  EXPECT_NE(map.error().message.find(mention), std::string::npos) << map.error().message;
}

TEST(MemoryMapTest, RoundTrip) {
  for (const auto& map : {sample(), MemoryMap::zero(512 << 20)}) {
    const auto read = parse_memory_map(to_bytes(map));
    ASSERT_TRUE(read) << read.error().to_string();
    EXPECT_EQ(*read, map);
  }
}

TEST(MemoryMapTest, ExtentsThatContinueEachOtherAreOne) {
  MemoryMap map;
  map.append({0, kPage, 0, 0});
  map.append({kPage, kPage, 0, kPage});
  map.append({2 * kPage, kPage, 0, 5 * kPage});
  map.append({3 * kPage, kPage});
  map.append({4 * kPage, kPage});
  EXPECT_EQ(map.extents.size(), 3u);
  EXPECT_EQ(map.extents.front().length, 2 * kPage);
  EXPECT_EQ(map.extents.back().length, 2 * kPage);
}

TEST(MemoryMapTest, EveryChangedByteIsNoticed) {
  const std::string good = to_bytes(sample());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(parse_memory_map(bad)) << i;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_memory_map(good.substr(0, size))) << size;
  }
}

TEST(MemoryMapTest, AMapThatCannotBeIsRefused) {
  expect_broken(with(0, [](auto& e) { e.offset = kPage; }), "gap");
  expect_broken(with(1, [](auto& e) { e.length += kPage; }), "gap");
  expect_broken(with(1, [](auto& e) { e.length = 0; }), "length");
  expect_broken(with(1, [](auto& e) { e.length = kPage + 1; }), "length");
  expect_broken(with(3, [](auto& e) { e.length = ~0ull / kPage * kPage; }), "length");
  expect_broken(with(3, [](auto& e) { e.length -= kPage; }), "too early");
  expect_broken(with(2, [](auto& e) { e.layer = 2; }), "no layer");
  expect_broken(with(2, [](auto& e) { e.layer = -2; }), "no layer");
  expect_broken(with(2, [](auto& e) { e.layer_offset = 1; }), "no layer");
  expect_broken(with(1, [](auto& e) { e.layer_offset = kPage; }), "no layer");
  expect_broken(with(1, [](auto& e) { e.reserved = 1; }), "later kind");
}

TEST(MemoryMapTest, LayersMustBeLongEnough) {
  const auto dir = base::TempDir::create();
  ASSERT_TRUE(dir);
  const std::vector<base::Path> layers = {dir->path() / "0", dir->path() / "1"};
  ASSERT_TRUE(base::write_file_atomic(layers[0], std::string(16 * kPage, 'a')));
  EXPECT_FALSE(check_layers(sample(), layers)) << "one is missing";
  ASSERT_TRUE(base::write_file_atomic(layers[1], std::string(kPage, 'b')));
  EXPECT_TRUE(check_layers(sample(), layers));
  ASSERT_TRUE(base::write_file_atomic(layers[0], std::string(16 * kPage - 1, 'a')));
  EXPECT_FALSE(check_layers(sample(), layers));
  EXPECT_FALSE(check_layers(sample(), {layers[0]}));
}

}  // namespace
}  // namespace wrenn::vm
