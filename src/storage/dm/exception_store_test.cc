#include "storage/dm/exception_store.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "storage/cow_disk.h"
#include "storage/file_range.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::Fd;

Fd new_file() {
  return Fd(::memfd_create("store", MFD_CLOEXEC));
}

// As the kernel fills one: in the order of the writes, areas between what was written.
Fd store_with(const std::vector<std::pair<std::uint64_t, char>>& writes,
              std::uint64_t disk_bytes = 16 << 20) {
  Fd file = new_file();
  EXPECT_TRUE(write_empty_store(file.get(), disk_bytes));
  std::uint64_t next = 2;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const std::uint64_t area = 1 + (i / 256) * 257;
    if (next == area) ++next;
    const std::uint64_t entry[2] = {writes[i].first, next};  // This machine is little-endian.
    EXPECT_TRUE(write_at(file.get(), {reinterpret_cast<const char*>(entry), sizeof(entry)},
                         area * 4096 + (i % 256) * 16));
    EXPECT_TRUE(write_at(file.get(), std::string(4096, writes[i].second), next * 4096));
    ++next;
  }
  return file;
}

std::string chunk_at(int file, std::uint64_t chunk) {
  std::string bytes(4096, '?');
  EXPECT_EQ(::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(chunk * 4096)), 4096);
  return bytes;
}

std::map<std::uint64_t, char> content_of(int file) {
  std::map<std::uint64_t, char> content;
  const auto exceptions = read_store(file);
  EXPECT_TRUE(exceptions);
  if (!exceptions) return content;
  for (const auto& one : *exceptions) {
    const std::string bytes = chunk_at(file, one.place);
    EXPECT_EQ(bytes, std::string(4096, bytes[0]));
    content[one.chunk] = bytes[0];
  }
  return content;
}

TEST(ExceptionStore, IsLargeEnoughForEveryChunk) {
  // One chunk: header, area, content. A full area makes the kernel prepare the next.
  EXPECT_EQ(store_bytes(1), 3 * 4096U);
  EXPECT_EQ(store_bytes(4096), 3 * 4096U);
  EXPECT_EQ(store_bytes(255 * 4096), (1 + 1 + 255) * 4096U);
  EXPECT_EQ(store_bytes(256 * 4096), (1 + 2 + 256) * 4096U);
  EXPECT_EQ(store_bytes(257 * 4096), (1 + 2 + 257) * 4096U);
  // 5 GiB: 1310720 chunks, which is 5120 areas and one that is prepared.
  EXPECT_EQ(store_bytes(5ull << 30), (1 + 5121 + 1310720) * 4096ull);
  EXPECT_GT(store_bytes(kMaxDiskBytes), kMaxDiskBytes);
}

TEST(ExceptionStore, AnEmptyOneIsWhatTheKernelTakesForOne) {
  const Fd file = new_file();
  ASSERT_TRUE(write_empty_store(file.get(), 5ull << 30));
  struct stat info{};
  ASSERT_EQ(::fstat(file.get(), &info), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(info.st_size), store_bytes(5ull << 30));
  EXPECT_LE(info.st_blocks * 512, 2 << 20);  // Sparse.
  const std::string header = chunk_at(file.get(), 0);
  EXPECT_EQ(header.substr(0, 16), std::string("SnAp\1\0\0\0\1\0\0\0\10\0\0\0", 16));
  EXPECT_EQ(chunk_at(file.get(), 1), std::string(4096, '\0'));
  const auto read = read_store(file.get());
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->empty());
}

TEST(ExceptionStore, ReadsWhatWasWritten) {
  const Fd file = store_with({{7, 'a'}, {3, 'b'}});
  const auto read = read_store(file.get());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (std::vector<Exception>{{7, 2}, {3, 3}}));
  EXPECT_EQ(used_bytes(file.get()), 4 * 4096U);
}

TEST(ExceptionStore, ReadsAcrossAreas) {
  for (const std::size_t count : {255U, 256U, 257U, 512U, 600U}) {
    std::vector<std::pair<std::uint64_t, char>> writes;
    for (std::size_t i = 0; i < count; ++i) {
      writes.emplace_back(1000 - i, static_cast<char>('a' + i % 26));
    }
    const Fd file = store_with(writes);
    EXPECT_EQ(content_of(file.get()).size(), count);
    // What is merged has the same, whatever order it is in.
    const Fd merged = new_file();
    ASSERT_TRUE(merge_stores({file.get()}, merged.get()));
    EXPECT_EQ(content_of(merged.get()), content_of(file.get()));
  }
}

TEST(ExceptionStore, TheLaterOneWins) {
  const Fd low = store_with({{1, 'a'}, {2, 'a'}, {5, 'a'}});
  const Fd middle = store_with({{2, 'b'}, {3, 'b'}});
  const Fd high = store_with({{5, '\0'}, {3, 'c'}});
  const Fd merged = new_file();
  ASSERT_TRUE(merge_stores({low.get(), middle.get(), high.get()}, merged.get()));
  const std::map<std::uint64_t, char> expected{{1, 'a'}, {2, 'b'}, {3, 'c'}, {5, '\0'}};
  EXPECT_EQ(content_of(merged.get()), expected);
}

TEST(ExceptionStore, FlattensToARawDisk) {
  constexpr std::uint64_t kDisk = 8 * 4096;
  const Fd base = new_file();
  ASSERT_TRUE(write_at(base.get(), std::string(3 * 4096, 'i'), 0));
  const Fd low = store_with({{1, 'a'}, {7, 'a'}}, kDisk);
  const Fd high = store_with({{1, 'b'}}, kDisk);
  const Fd flat = new_file();
  ASSERT_TRUE(flatten(base.get(), {low.get(), high.get()}, kDisk, flat.get()));
  EXPECT_EQ(file_size(flat.get()), kDisk);
  std::string letters;
  for (std::uint64_t chunk = 0; chunk < 8; ++chunk) letters += chunk_at(flat.get(), chunk)[0];
  EXPECT_EQ(letters, std::string("ibi\0\0\0\0a", 8));
  // One that is of a larger disk is not cut off.
  const Fd small = new_file();
  const auto refused = flatten(base.get(), {low.get()}, 4 * 4096, small.get());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
}

TEST(ExceptionStore, RefusesWhatIsBroken) {
  const auto expect_broken = [](const Fd& file, std::string_view word) {
    const auto read = read_store(file.get());
    ASSERT_FALSE(read) << word;
    EXPECT_EQ(read.error().code, Code::kDataLoss);
    EXPECT_NE(read.error().message.find(word), std::string::npos) << read.error().message;
  };
  expect_broken(new_file(), "no header");
  const auto with_number = [](std::uint64_t offset, std::uint64_t value, std::size_t bytes) {
    Fd file = store_with({{1, 'a'}});
    EXPECT_TRUE(write_at(file.get(), {reinterpret_cast<const char*>(&value), bytes}, offset));
    return file;
  };
  expect_broken(with_number(4, 0, 4), "gave it up");
  expect_broken(with_number(8, 2, 4), "version");
  expect_broken(with_number(12, 16, 4), "4 KiB");
  expect_broken(with_number(4096 + 8, 1, 8), "where it cannot");           // In an area.
  expect_broken(with_number(4096 + 8, 258, 8), "where it cannot");         // In the next one.
  expect_broken(with_number(4096 + 8, 1ull << 40, 8), "where it cannot");  // Behind the end.
  expect_broken(with_number(4096, ~0ull, 8), "where it cannot");           // Of no disk.
}

}  // namespace
}  // namespace wrenn::storage::dm
