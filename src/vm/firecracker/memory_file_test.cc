// Memory files as Firecracker writes them, turned into layers and back. A memory is an array of
// pages here, each of one number.
#include "vm/firecracker/memory_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "vm/firecracker/page_source.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 2048;
constexpr std::uint64_t kBytes = kPages * kPage;
using Memory = std::vector<unsigned char>;            // One for each page.
using Change = std::map<std::size_t, unsigned char>;  // Page to its new number.

class FirecrackerMemoryFile : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(dir_); }

  base::Fd make_file(const std::string& name) {
    auto file = base::open_file(dir_->path() / name, O_RDWR | O_CREAT | O_EXCL, 0400);
    EXPECT_TRUE(file);
    return *std::move(file);
  }
  // As Firecracker: all of it, zeros and all, or what has changed with holes between.
  base::Fd write_full(const std::string& name, const Memory& memory) {
    base::Fd file = make_file(name);
    for (std::size_t page = 0; page < kPages; ++page) put(file, page, memory[page]);
    return file;
  }
  base::Fd write_diff(const std::string& name, const Change& change) {
    base::Fd file = make_file(name);
    EXPECT_EQ(::ftruncate(file.get(), kBytes), 0);
    for (const auto& [page, value] : change) put(file, page, value);
    return file;
  }
  static void put(const base::Fd& file, std::size_t page, unsigned char value) {
    const std::string bytes(kPage, static_cast<char>(value));
    EXPECT_EQ(::pwrite(file.get(), bytes.data(), kPage, static_cast<off_t>(page * kPage)),
              static_cast<ssize_t>(kPage));
  }

  // A memory by its map, and its layers' files.
  struct Saved {
    MemoryMap map = MemoryMap::zero(kBytes);
    std::vector<base::Path> layers;
  };
  base::Result<Saved> add_layer(const Saved& base, int layer, std::span<const MemoryFile> files) {
    const std::string name = base::concat("layer-", next_++);
    const base::Fd file = make_file(name);
    Saved saved = base;
    saved.layers.resize(static_cast<std::size_t>(layer));
    saved.layers.push_back(dir_->path() / name);
    WRENN_TRY_ASSIGN(saved.map, make_layer(files, base.map, layer, file.get()));
    EXPECT_TRUE(parse_memory_map(to_bytes(saved.map))) << "the map is valid";
    EXPECT_TRUE(check_layers(saved.map, saved.layers));
    struct stat info{};
    EXPECT_EQ(::fstat(file.get(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0444u);
    EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), kBytes);
    return saved;
  }
  static Memory read(const Saved& saved) {
    std::vector<base::Fd> files;
    for (const auto& path : saved.layers) files.push_back(*base::open_file(path, O_RDONLY));
    const PageSource source(saved.map, std::move(files));
    Memory memory(kPages);
    std::string page(kPage, '\0');
    for (std::size_t i = 0; i < kPages; ++i) {
      const auto is_zero = source.read(i * kPage, page);
      EXPECT_TRUE(is_zero) << is_zero.error().message;
      if (is_zero && *is_zero) continue;
      memory[i] = static_cast<unsigned char>(page.front());
      EXPECT_EQ(page, std::string(kPage, page.front()));
    }
    return memory;
  }
  static Memory random_memory(std::mt19937& random) {
    Memory memory(kPages);
    for (std::size_t page = 0; page < kPages;) {
      const std::size_t end = std::min<std::size_t>(kPages, page + 1 + random() % 40);
      const auto value = static_cast<unsigned char>(random() % 3);  // A third is zero.
      for (; page < end; ++page) memory[page] = value;
    }
    return memory;
  }
  static Change random_change(std::mt19937& random, Memory& memory) {
    Change change;
    for (int i = 0; i < 60; ++i) {
      const std::size_t begin = random() % kPages;
      const std::size_t end = std::min<std::size_t>(kPages, begin + 1 + random() % 12);
      const auto value = static_cast<unsigned char>(random() % 4);
      for (std::size_t page = begin; page < end; ++page) change[page] = memory[page] = value;
    }
    return change;
  }

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  int next_ = 0;
};

TEST_F(FirecrackerMemoryFile, AFullOneIsAPlainLayerWithoutItsZeros) {
  Memory memory(kPages);
  for (std::size_t page = 100; page < 200; ++page) memory[page] = 7;
  memory[150] = 0;  // A short row of zeros is data.
  const base::Fd file = write_full("full", memory);
  const std::vector<MemoryFile> files = {{file.get(), FileKind::kFull}};
  const auto saved = add_layer({}, 0, files);
  ASSERT_TRUE(saved) << saved.error().message;
  EXPECT_EQ(saved->map.extents.size(), 3u);
  EXPECT_TRUE(is_plain(saved->map));
  EXPECT_EQ(read(*saved), memory);
  struct stat info{};
  ASSERT_EQ(::stat(saved->layers.front().c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 200 * static_cast<long>(kPage)) << "zeros take no room";
  // It is the memory as it is: what maps the file sees it.
  const auto bytes = base::read_file(saved->layers.front());
  ASSERT_TRUE(bytes);
  for (std::size_t page = 0; page < kPages; ++page) {
    ASSERT_EQ(static_cast<unsigned char>((*bytes)[page * kPage]), memory[page]) << page;
  }
}

// A page that was zeroed is data of a diff, not a hole in it.
TEST_F(FirecrackerMemoryFile, WhatBecameZeroIsZero) {
  const Memory before(kPages, 5);
  const base::Fd full = write_full("full", before);
  const std::vector<MemoryFile> first = {{full.get(), FileKind::kFull}};
  const auto base = add_layer({}, 0, first);
  ASSERT_TRUE(base);
  Change change = {{3, 0}, {4, 6}};                                     // A short row of zeros.
  for (std::size_t page = 1000; page < 1100; ++page) change[page] = 0;  // And a long one.
  const base::Fd diff = write_diff("diff", change);
  const std::vector<MemoryFile> second = {{diff.get(), FileKind::kDiff}};
  const auto saved = add_layer(*base, 1, second);
  ASSERT_TRUE(saved) << saved.error().message;
  Memory after = before;
  for (const auto& [page, value] : change) after[page] = value;
  EXPECT_EQ(read(*saved), after);
  EXPECT_FALSE(is_plain(saved->map));
}

TEST_F(FirecrackerMemoryFile, RandomMemoriesComeBack) {
  std::mt19937 random(20260);
  for (int round = 0; round < 5; ++round) {
    Memory memory = random_memory(random);
    const base::Fd full = write_full(base::concat("full-", round), memory);
    const std::vector<MemoryFile> first = {{full.get(), FileKind::kFull}};
    auto saved = add_layer({}, 0, first);
    ASSERT_TRUE(saved);
    EXPECT_EQ(read(*saved), memory);
    const Saved base = *saved;
    // Several diffs of one VM, each since the one before, make one layer.
    std::vector<base::Fd> diffs;
    std::vector<MemoryFile> files;
    for (int number = 0; number < 3; ++number) {
      diffs.push_back(
          write_diff(base::concat("diff-", round, '-', number), random_change(random, memory)));
      files.push_back({diffs.back().get(), FileKind::kDiff});
      saved = add_layer(base, 1, files);
      ASSERT_TRUE(saved) << saved.error().message;
      EXPECT_EQ(read(*saved), memory) << number;
    }
    // And one more on that.
    diffs.push_back(write_diff(base::concat("last-", round), random_change(random, memory)));
    const std::vector<MemoryFile> last = {{diffs.back().get(), FileKind::kDiff}};
    const auto upper = add_layer(*saved, 2, last);
    ASSERT_TRUE(upper);
    EXPECT_EQ(read(*upper), memory);
    // It cannot take the place of the layers under it, which a full one can.
    EXPECT_EQ(add_layer(*upper, 1, last).error().code, Code::kFailedPrecondition);
    const base::Fd all = write_full(base::concat("all-", round), memory);
    const std::vector<MemoryFile> whole = {{all.get(), FileKind::kFull}};
    const auto merged = add_layer(*upper, 1, whole);
    ASSERT_TRUE(merged) << merged.error().message;
    EXPECT_EQ(read(*merged), memory);
    EXPECT_EQ(merged->map.layer_count, 2);
  }
}

TEST_F(FirecrackerMemoryFile, WhatIsNotOfThisMemoryIsRefused) {
  const base::Fd full = write_full("full", Memory(kPages, 1));
  const std::vector<MemoryFile> good = {{full.get(), FileKind::kFull}};
  const base::Fd target = make_file("target");
  const auto refusal = [&](std::span<const MemoryFile> files, const MemoryMap& base, int layer) {
    const auto made = make_layer(files, base, layer, target.get());
    EXPECT_FALSE(made);
    return made ? Code::kUnknown : made.error().code;
  };
  EXPECT_EQ(refusal(good, MemoryMap::zero(kBytes / 2), 0), Code::kDataLoss);
  EXPECT_EQ(refusal(good, MemoryMap::zero(kBytes), 1), Code::kInvalidArgument);
  EXPECT_EQ(refusal({}, MemoryMap::zero(kBytes), 0), Code::kInvalidArgument);
  EXPECT_EQ(::ftruncate(full.get(), kBytes - 1), 0);
  EXPECT_EQ(refusal(good, MemoryMap::zero(kBytes), 0), Code::kDataLoss);
  const auto directory = base::open_file(dir_->path(), O_RDONLY);
  const std::vector<MemoryFile> odd = {{directory->get(), FileKind::kDiff}};
  EXPECT_EQ(refusal(odd, MemoryMap::zero(kBytes), 0), Code::kDataLoss);
}

TEST_F(FirecrackerMemoryFile, WhetherHolesAreTold) {
  const auto told = tells_holes(dir_->path());
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_TRUE(*told) << "of the file system of /tmp";
  EXPECT_FALSE(tells_holes(dir_->path() / "nowhere"));
}

TEST_F(FirecrackerMemoryFile, APlainMapIsOneFileAsItIs) {
  MemoryMap map = MemoryMap::zero(kBytes);
  EXPECT_FALSE(is_plain(map)) << "no file";
  map.layer_count = 1;
  EXPECT_TRUE(is_plain(map));
  map.extents = {{0, kBytes, 0, 0}};
  EXPECT_TRUE(is_plain(map));
  map.extents = {{0, kPage, kZeroLayer, 0}, {kPage, kBytes - kPage, 0, 0}};
  EXPECT_FALSE(is_plain(map)) << "its pages lie elsewhere";
  map.extents = {{0, kBytes, 0, 0}};
  map.layer_count = 2;
  EXPECT_FALSE(is_plain(map));
}

}  // namespace
}  // namespace wrenn::vm::firecracker
