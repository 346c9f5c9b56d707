#include "vm/memory_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::vm {
namespace {

constexpr std::uint64_t kSize = 8 << 20;

std::string read_text(const MemoryImage& image, off_t offset) {
  std::string text(5, '\0');
  EXPECT_EQ(::pread(image.fd(), text.data(), text.size(), offset), 5);
  return text;
}

class MemoryImageTest : public testing::Test {
 protected:
  base::Result<base::TempDir> dir = base::TempDir::create();
};

TEST_F(MemoryImageTest, SurvivesARoundTripAndStaysSparse) {
  auto image = MemoryImage::create(kSize);
  ASSERT_TRUE(image);
  ASSERT_EQ(::pwrite(image->fd(), "first", 5, 0), 5);
  ASSERT_EQ(::pwrite(image->fd(), "inner", 5, (5 << 20) + 123), 5);
  // A page that holds zeros only is not worth a block.
  const std::string zeros(1 << 20, '\0');
  ASSERT_EQ(::pwrite(image->fd(), zeros.data(), zeros.size(), 2 << 20), 1 << 20);
  const auto path = dir->path() / "memory.bin";
  ASSERT_TRUE(image->save(path));
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, static_cast<off_t>(kSize));
  EXPECT_LE(info.st_blocks * 512, 64 << 10);

  const auto loaded = MemoryImage::load(path, kSize);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(read_text(*loaded, 0), "first");
  EXPECT_EQ(read_text(*loaded, (5 << 20) + 123), "inner");
}

TEST_F(MemoryImageTest, NobodyWritesOnceItIsSealed) {
  auto image = MemoryImage::create(kSize);
  ASSERT_TRUE(image);
  ASSERT_TRUE(image->seal());
  // As QEMU does it: opened again for writing, mapped privately.
  const auto again = base::open_file(base::concat("/proc/self/fd/", image->fd()), O_RDWR);
  ASSERT_TRUE(again);
  EXPECT_EQ(::pwrite(again->get(), "x", 1, 0), -1);
  EXPECT_EQ(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, again->get(), 0),
            MAP_FAILED);
  void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, again->get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  static_cast<char*>(mapped)[0] = 'x';
  EXPECT_EQ(read_text(*image, 0), std::string(5, '\0'));
  ::munmap(mapped, kSize);
}

TEST_F(MemoryImageTest, IsNotSealedUnderAWriter) {
  auto image = MemoryImage::create(kSize);
  ASSERT_TRUE(image);
  void* mapped = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(image->seal().error().code, base::Code::kFailedPrecondition);
  ::munmap(mapped, kSize);
  EXPECT_TRUE(image->seal());
}

TEST_F(MemoryImageTest, RefusesAFileOfAnotherSize) {
  const auto path = dir->path() / "short";
  ASSERT_TRUE(base::write_file_atomic(path, "short"));
  EXPECT_EQ(MemoryImage::load(path, kSize).error().code, base::Code::kDataLoss);
}

}  // namespace
}  // namespace wrenn::vm
