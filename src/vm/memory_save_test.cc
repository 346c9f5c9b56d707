// Memory as a hypervisor has it: layers mapped privately, changed, saved, and put together again.
#include "vm/memory_save.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::vm {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kPages = 4096;
constexpr std::uint64_t kBytes = kPages * kPage;
// Where single pages are enough for a map that is too long.
constexpr std::size_t kManyPages = 80'000;
constexpr std::uint64_t kManyBytes = kManyPages * kPage;
constexpr std::size_t kMostExtents = 16384;

class MemorySaveTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(dir_); }
  void TearDown() override {
    if (memory_ != nullptr) ::munmap(memory_, bytes_);
  }

  base::Path layer_path(int layer) const { return dir_->path() / base::concat(layer); }

  // What a VM that was restored from the map has in its memory.
  void map(const MemoryMap& map) {
    if (memory_ != nullptr) ::munmap(memory_, bytes_);
    bytes_ = map.memory_bytes;
    memory_ = map_at(nullptr, bytes_, MAP_ANONYMOUS, -1, 0);
    for (const auto& extent : map.extents) {
      if (extent.layer == kZeroLayer) continue;
      const auto file = base::open_file(layer_path(extent.layer), O_RDONLY);
      ASSERT_TRUE(file);
      map_at(memory_ + extent.offset, extent.length, MAP_FIXED, file->get(),
             static_cast<off_t>(extent.layer_offset));
    }
  }
  static char* map_at(char* address, std::uint64_t length, int flags, int fd, off_t offset) {
    return static_cast<char*>(::mmap(address, length, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_NORESERVE | flags, fd, offset));
  }

  MemorySource source() const {
    return {::getpid(), reinterpret_cast<std::uint64_t>(memory_), bytes_};
  }
  MemoryMap save(const MemoryMap& base, int layer) {
    const auto file = base::open_file(layer_path(layer), O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT_TRUE(file);
    auto map = save_changed_pages(source(), base, layer, file->get());
    EXPECT_TRUE(map) << map.error().to_string();
    EXPECT_TRUE(parse_memory_map(to_bytes(*map)));
    return *std::move(map);
  }

  std::uint64_t layer_bytes(int layer) const {
    return std::filesystem::file_size(layer_path(layer));
  }

  void fill(std::size_t page, std::size_t count, char value) {
    std::memset(memory_ + page * kPage, value, count * kPage);
  }
  std::string content() const { return {memory_, bytes_}; }
  base::Code refusal(const MemoryMap& base) const {
    const auto file = base::open_file(dir_->path() / "refused", O_RDWR | O_CREAT, 0600);
    const auto saved = save_changed_pages(source(), base, base.layer_count, file->get());
    EXPECT_FALSE(saved);
    return saved ? base::Code::kUnknown : saved.error().code;
  }

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  char* memory_ = nullptr;
  std::uint64_t bytes_ = 0;
};

TEST_F(MemorySaveTest, ANewMemoryIsSavedWithoutItsZeros) {
  map(MemoryMap::zero(kBytes));
  fill(100, 50, 'a');
  fill(1000, 100, 0);  // Written to, and still zero.
  const std::string before = content();
  const MemoryMap saved = save(MemoryMap::zero(kBytes), 0);
  EXPECT_EQ(layer_bytes(0), 50 * kPage);
  map(saved);
  EXPECT_EQ(content(), before);
}

TEST_F(MemorySaveTest, OnlyWhatChangedIsSavedAgain) {
  map(MemoryMap::zero(kBytes));
  fill(0, 1000, 'a');
  const MemoryMap first = save(MemoryMap::zero(kBytes), 0);
  map(first);
  EXPECT_EQ(content().size(), kBytes);  // Reading is no change.
  fill(500, 20, 'b');
  fill(3000, 10, 'c');
  const std::string before = content();
  const MemoryMap second = save(first, 1);
  EXPECT_EQ(layer_bytes(1), 30 * kPage);
  EXPECT_EQ(second.layer_count, 2);
  map(second);
  EXPECT_EQ(content(), before);
}

TEST_F(MemorySaveTest, APageThatHasBecomeZeroIsZero) {
  map(MemoryMap::zero(kBytes));
  fill(0, 1000, 'a');
  const MemoryMap first = save(MemoryMap::zero(kBytes), 0);
  map(first);
  fill(200, 100, 0);
  fill(600, 1, 0);
  const std::string before = content();
  const MemoryMap second = save(first, 1);
  EXPECT_EQ(layer_bytes(1), 0u);
  map(second);
  EXPECT_EQ(content(), before);
}

TEST_F(MemorySaveTest, NothingChangedIsNothingSaved) {
  map(MemoryMap::zero(kBytes));
  fill(10, 10, 'a');
  const MemoryMap first = save(MemoryMap::zero(kBytes), 0);
  map(first);
  const MemoryMap second = save(first, 1);
  EXPECT_EQ(layer_bytes(1), 0u);
  EXPECT_EQ(second.extents, first.extents);
}

TEST_F(MemorySaveTest, PagesAllOverGiveAShortMap) {
  map(MemoryMap::zero(kBytes));
  fill(0, kPages, 'a');
  const MemoryMap first = save(MemoryMap::zero(kBytes), 0);
  map(first);
  for (std::size_t page = 0; page < kPages; page += 4) fill(page, 1, 'b');
  const std::string before = content();
  const MemoryMap second = save(first, 1);
  EXPECT_LE(second.extents.size(), 4u) << "unchanged pages in gaps are written along";
  map(second);
  EXPECT_EQ(content(), before);
}

TEST_F(MemorySaveTest, HigherLayersAreMergedIntoOne) {
  map(MemoryMap::zero(kBytes));
  fill(0, 500, 'a');
  MemoryMap saved = save(MemoryMap::zero(kBytes), 0);
  for (int layer = 1; layer < 4; ++layer) {
    map(saved);
    fill(static_cast<std::size_t>(layer) * 700, 30, static_cast<char>('a' + layer));
    saved = save(saved, layer);
  }
  map(saved);
  fill(3500, 5, 'z');
  const std::string before = content();
  // As in a new directory: the lower layers as they are, the higher ones from the running process.
  const auto file = base::open_file(dir_->path() / "merged", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(file);
  const auto merged = save_changed_pages(source(), saved, 1, file->get());
  ASSERT_TRUE(merged) << merged.error().to_string();
  EXPECT_EQ(merged->layer_count, 2);
  EXPECT_EQ(std::filesystem::file_size(dir_->path() / "merged"), (3 * 30 + 5) * kPage);
  std::filesystem::rename(dir_->path() / "merged", layer_path(1));
  map(*merged);
  EXPECT_EQ(content(), before);
}

TEST_F(MemorySaveTest, RandomChangesOverManyGenerations) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random(seed);
    map(MemoryMap::zero(kBytes));
    MemoryMap saved = MemoryMap::zero(kBytes);
    for (int layer = 0; layer < 10; ++layer) {
      for (int change = 0; change < 60; ++change) {
        const std::size_t count = 1 + random() % (random() % 4 == 0 ? 200 : 3);
        const std::size_t page = random() % (kPages - count);
        fill(page, count, random() % 3 == 0 ? '\0' : static_cast<char>(random()));
      }
      const std::string before = content();
      saved = save(saved, layer);
      map(saved);
      ASSERT_EQ(content(), before) << "seed " << seed << ", layer " << layer;
    }
  }
}

TEST_F(MemorySaveTest, ZerosAllOverGiveAMapThatCanBeMapped) {
  map(MemoryMap::zero(kManyBytes));
  // With a map entry for each row of zeros there would be some 18,000.
  for (std::size_t page = 0; page < kManyPages; page += 9) fill(page, 1, 'a');
  const std::string before = content();
  const MemoryMap saved = save(MemoryMap::zero(kManyBytes), 0);
  EXPECT_LE(saved.extents.size(), kMostExtents);
  map(saved);
  EXPECT_TRUE(content() == before);
}

TEST_F(MemorySaveTest, ChangesAllOverNeverMakeTheMapTooLong) {
  map(MemoryMap::zero(kManyBytes));
  fill(0, kManyPages, 'a');
  MemoryMap saved = save(MemoryMap::zero(kManyBytes), 0);
  for (int layer = 1; layer < 6; ++layer) {
    map(saved);
    const auto first = static_cast<std::size_t>(layer);
    for (std::size_t page = first; page < kManyPages; page += 10 + first) {
      fill(page, 1, static_cast<char>('a' + layer));
    }
    const std::string before = content();
    saved = save(saved, layer);
    EXPECT_LE(saved.extents.size(), kMostExtents) << layer;
    EXPECT_LT(layer_bytes(layer), kManyBytes) << layer;
    map(saved);
    ASSERT_TRUE(content() == before) << layer;
  }
}

TEST_F(MemorySaveTest, MemoryThatIsNotWhatTheMapSaysIsRefused) {
  map(MemoryMap::zero(kBytes));
  fill(0, 100, 'a');
  fill(200, 100, 'b');
  const MemoryMap saved = save(MemoryMap::zero(kBytes), 0);
  ASSERT_EQ(saved.extents.size(), 4u);
  const auto fd = base::open_file(layer_path(0), O_RDWR);
  const auto other = base::open_file(dir_->path() / "other", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(fd && other);
  const auto remap = [&](int file, off_t offset) {
    map(saved);
    map_at(memory_ + 200 * kPage, 100 * kPage, MAP_FIXED | (file < 0 ? MAP_ANONYMOUS : 0), file,
           offset);
    return refusal(saved);
  };
  EXPECT_EQ(refusal(saved), base::Code::kInternal) << "it is the memory that was saved itself";
  EXPECT_EQ(remap(fd->get(), 101 * kPage), base::Code::kInternal);
  EXPECT_EQ(remap(other->get(), 100 * kPage), base::Code::kInternal);
  EXPECT_EQ(remap(-1, 0), base::Code::kInternal);
  map(saved);
  EXPECT_EQ(refusal(MemoryMap::zero(kBytes)), base::Code::kInternal);
  map(saved);
  ::munmap(memory_ + 150 * kPage, kPage);
  EXPECT_EQ(refusal(saved), base::Code::kInternal);
  map(saved);
  ASSERT_NE(::mmap(memory_ + 200 * kPage, 100 * kPage, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED, fd->get(), 100 * kPage),
            MAP_FAILED);
  EXPECT_EQ(refusal(saved), base::Code::kInternal);
  map(saved);
  save(saved, 1);
}

TEST_F(MemorySaveTest, SizesThatDoNotFitAreRefused) {
  const MemoryMap base = MemoryMap::zero(kBytes);
  EXPECT_FALSE(save_changed_pages({::getpid(), 0, kBytes / 2}, base, 0, -1));
  EXPECT_FALSE(save_changed_pages({::getpid(), 1, kBytes}, base, 0, -1));
  EXPECT_FALSE(save_changed_pages({::getpid(), 0, kBytes}, base, 1, -1));
  EXPECT_FALSE(save_changed_pages({::getpid(), 0, kBytes}, base, -1, -1));
  map(base);
  const auto file = base::open_file(dir_->path() / "used", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(file && base::write_all(file->get(), "x"));
  const auto used = save_changed_pages(source(), base, 0, file->get());
  ASSERT_FALSE(used) << "the file is not empty";
  EXPECT_EQ(used.error().code, base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace wrenn::vm
