#include "vm/firecracker/handshake.h"

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "vm/firecracker/saved_state.h"

namespace wrenn::vm::firecracker {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

std::string region(std::uint64_t address, std::uint64_t bytes, std::uint64_t offset,
                   std::string_view rest = R"("page_size":4096,"page_size_kib":4096)") {
  return base::concat(R"({"base_host_virt_addr":)", address, R"(,"size":)", bytes, R"(,"offset":)",
                      offset, ',', rest, '}');
}

TEST(FirecrackerHandshake, WhereTheMemoryIs) {
  const auto two = parse_handshake(base::concat('[', region(0x7f0000200000, kMiB, kMiB), ',',
                                                region(0x7e0000000000, kMiB, 0), ']'),
                                   2 * kMiB);
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->page_bytes, 4096u);
  EXPECT_EQ(two->regions,
            (std::vector<Region>{{0x7e0000000000, kMiB, 0}, {0x7f0000200000, kMiB, kMiB}}));
  const auto huge = parse_handshake(
      base::concat('[', region(0x7f0000000000, 4 * kMiB, 0, R"("page_size_kib":2097152)"), ']'),
      4 * kMiB);
  ASSERT_TRUE(huge) << huge.error().message;
  EXPECT_EQ(huge->page_bytes, 2 * kMiB);
  // A later Firecracker may say more, and an early one said less.
  EXPECT_TRUE(parse_handshake(base::concat('[', region(4096, kMiB, 0, R"("news":1)"), ']'), kMiB));
}

TEST(FirecrackerHandshake, WhatCannotBe) {
  const std::string good = region(0x7f0000000000, kMiB, 0);
  for (const std::string& message :
       {std::string(), std::string("{}"), std::string("[]"), std::string("[1]"), "[" + good,
        "[" + good + "," + good + "]",                       // Overlaps.
        "[" + good + "," + region(0, kMiB, 2 * kMiB) + "]",  // A gap.
        "[" + region(1, kMiB, 0) + "]",                      // Not on a page.
        "[" + region(0, 0, 0) + "," + good + "]",            // Empty.
        "[" + region(~0ull - 4095, kMiB, 0) + "]",           // Beyond.
        "[" + region(4096, kMiB, 0, R"("page_size":8192)") + "]",
        "[" + region(4096, kMiB, 0, R"("page_size":"4096")") + "]",
        std::string(R"([{"size":1048576,"offset":0}])"),
        std::string(R"([{"base_host_virt_addr":-4096,"size":1048576,"offset":0}])"),
        std::string(R"([{"base_host_virt_addr":4096.5,"size":1048576,"offset":0}])"),
        std::string(kMaxHandshakeBytes + 1, ' ')}) {
    EXPECT_FALSE(parse_handshake(message, kMiB)) << message.substr(0, 200);
  }
  EXPECT_FALSE(parse_handshake("[" + good + "]", 2 * kMiB)) << "of another memory";
}

TEST(FirecrackerHandshake, ListsOfPages) {
  const PageList pages = {7, 0, 255};
  EXPECT_EQ(parse_page_list(to_bytes(pages), kMiB).value_or(PageList()), pages);
  EXPECT_EQ(parse_page_list(to_bytes(PageList()), kMiB)->size(), 0u);
  EXPECT_FALSE(parse_page_list(to_bytes({256}), kMiB));
  EXPECT_FALSE(parse_page_list(to_bytes(pages) + "x", kMiB));
  EXPECT_FALSE(parse_page_list("", kMiB));
  EXPECT_EQ(parse_page_list(to_bytes(PageList(kMaxListedPages + 1, 3)), kMiB)->size(),
            kMaxListedPages);
}

TEST(FirecrackerSavedState, TheHeaderIsWholeOrNothing) {
  const SavedState state{
      .format = "7.0.0", .version = "1.13.1", .disk_file = "disk-0", .bytes = 20000};
  const std::string good = to_bytes(state);
  ASSERT_EQ(good.size(), kStateHeaderBytes);
  EXPECT_EQ(parse_saved_state(good).value_or(SavedState()), state);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    const auto parsed = parse_saved_state(bad);
    ASSERT_FALSE(parsed) << i;
    EXPECT_EQ(parsed.error().code, base::Code::kDataLoss);
  }
  EXPECT_FALSE(parse_saved_state(good.substr(1)));
  EXPECT_FALSE(parse_saved_state(good + "x"));
  EXPECT_FALSE(
      parse_saved_state(to_bytes({.format = "a b", .version = {}, .disk_file = {}, .bytes = 1})));
  EXPECT_FALSE(
      parse_saved_state(to_bytes({.format = "1", .version = {}, .disk_file = {}, .bytes = 0})));
}

TEST(FirecrackerSavedState, IsKeptAndTakenOutAgain) {
  const auto dir = base::TempDir::create();
  ASSERT_TRUE(dir);
  const base::Path state = dir->path() / "state";
  const base::Path devices = dir->path() / "devices";
  ASSERT_TRUE(base::write_file_atomic(state, "what Firecracker wrote"));
  const SavedState saved{.format = "7.0.0", .version = "1.13.1", .disk_file = "disk-0", .bytes = 0};
  ASSERT_TRUE(keep_state(state, saved, devices));
  EXPECT_FALSE(keep_state(state, saved, devices)) << "it is there already";
  const auto file = base::open_file(devices, O_RDONLY);
  ASSERT_TRUE(file);
  for (const auto* name : {"one", "two"}) {
    const auto taken = take_state(file->get(), dir->path() / name);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(taken->disk_file, "disk-0");
    EXPECT_EQ(base::read_file(dir->path() / name).value_or(""), "what Firecracker wrote");
  }
  // Not what a VM puts in its place.
  ASSERT_EQ(::symlink(state.c_str(), (dir->path() / "link").c_str()), 0);
  EXPECT_FALSE(keep_state(dir->path() / "link", saved, dir->path() / "other"));
  EXPECT_FALSE(keep_state(dir->path(), saved, dir->path() / "other"));
  ASSERT_EQ(::truncate(devices.c_str(), static_cast<off_t>(kStateHeaderBytes + 3)), 0);
  EXPECT_EQ(take_state(file->get(), dir->path() / "three").error().code, base::Code::kDataLoss);
}

}  // namespace
}  // namespace wrenn::vm::firecracker
