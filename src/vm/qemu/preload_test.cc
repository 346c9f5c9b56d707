// What is loaded into QEMU, without QEMU: opens and maps the guest's memory as QEMU does, in a
// process of its own.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "vm/memory_map.h"
#include "vm/memory_map_format.h"
#include "vm/qemu/command.h"

// Defined in preload_blob.S.
extern "C" const char wrenn_preload_begin[];
extern "C" const char wrenn_preload_end[];

namespace wrenn::vm {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kBytes = 16 * kPage;

class PreloadTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(dir_);
    write("preload.so", {wrenn_preload_begin, wrenn_preload_end});
    write("0", std::string(4 * kPage, 'a'));
    write("1", std::string(2 * kPage, 'b') + std::string(kPage, 'c'));
    map_.memory_bytes = kBytes;
    map_.layer_count = 2;
    map_.append({0, 4 * kPage, 0, 0});
    map_.append({4 * kPage, 2 * kPage});
    map_.append({6 * kPage, kPage, 1, 2 * kPage});
    map_.append({7 * kPage, 2 * kPage, 1, 0});
    map_.append({9 * kPage, 7 * kPage});
    write("map", to_bytes(map_));
  }
  base::Path path(const char* name) const { return dir_->path() / name; }
  void write(const char* name, std::string_view content) {
    ASSERT_TRUE(base::write_file_atomic(path(name), content));
  }
  static std::string expected() {
    return std::string(4 * kPage, 'a') + std::string(2 * kPage, '\0') + std::string(kPage, 'c') +
           std::string(2 * kPage, 'b') + std::string(7 * kPage, '\0');
  }
  // The map with something wrong in it.
  void write_broken(const std::function<void(wrenn_map_header&, wrenn_map_extent*)>& change) {
    std::string bytes = to_bytes(map_);
    auto* header = reinterpret_cast<wrenn_map_header*>(bytes.data());
    change(*header, reinterpret_cast<wrenn_map_extent*>(header + 1));
    write("map", bytes);
  }

  // Ends the process: with 0 when the memory is as expected and private.
  [[noreturn]] void run_guest(std::uint64_t bytes = kBytes) const {
    give("map", kMemoryMapFd);
    give("0", kFirstLayerFd);
    give("1", kFirstLayerFd + 1);
    void* preload = ::dlopen(path("preload.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (preload == nullptr) ::_exit(10);
    const auto open = reinterpret_cast<decltype(&::open64)>(::dlsym(preload, "open64"));
    const auto map = reinterpret_cast<decltype(&::mmap64)>(::dlsym(preload, "mmap64"));
    const int fd = open(kGuestMemory, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) ::_exit(11);
    void* memory = map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) ::_exit(12);
    if (std::memcmp(memory, expected().data(), kBytes) != 0) ::_exit(13);
    std::memset(memory, 'z', kBytes);
    // Other files are what they are.
    const int other = open(path("1").c_str(), O_RDONLY);
    auto* content = static_cast<char*>(map(nullptr, kPage, PROT_READ, MAP_PRIVATE, other, 0));
    if (content == MAP_FAILED || content[0] != 'b') ::_exit(14);
    ::_exit(0);
  }
  void expect_refusal(const char* why) const {
    EXPECT_EXIT(run_guest(), testing::ExitedWithCode(1), why);
  }

 private:
  void give(const char* name, int as) const {
    const int file = ::open(path(name).c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
      while (::dup(STDERR_FILENO) < as) {
      }
      ::close(as);  // The next that is opened has this number.
    } else {
      ::dup2(file, as);
      ::close(file);
    }
  }

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  MemoryMap map_;
};

TEST_F(PreloadTest, TheMemoryIsPutTogetherPrivately) {
  EXPECT_EXIT(run_guest(), testing::ExitedWithCode(0), "");
  EXPECT_EQ(base::read_file(path("0")).value(), std::string(4 * kPage, 'a'));
  EXPECT_EQ(base::read_file(path("1")).value()[0], 'b');
}

TEST_F(PreloadTest, AMapOfAnotherMemoryEndsTheProcess) {
  EXPECT_EXIT(run_guest(2 * kBytes), testing::ExitedWithCode(1), "of another memory");
  write_broken([](auto& header, auto*) { header.magic ^= 1; });
  expect_refusal("of another memory");
  write_broken([](auto& header, auto*) { header.layer_count = WRENN_MAP_MAX_LAYERS + 1; });
  expect_refusal("of another memory");
  write_broken([](auto& header, auto*) { header.layer_count = 1; });
  expect_refusal("of other layers");
}

TEST_F(PreloadTest, AMapThatIsBrokenEndsTheProcess) {
  using Change = void (*)(wrenn_map_header&, wrenn_map_extent*);
  for (const Change change : std::initializer_list<Change>{
           [](auto&, auto* extents) { extents[1].offset += kPage; },
           [](auto&, auto* extents) { extents[1].length += kPage; },
           [](auto&, auto* extents) { extents[1].length -= 1; },
           [](auto&, auto* extents) { extents[1].length = 0; },
           [](auto&, auto* extents) { extents[4].length += kPage; },
           [](auto&, auto* extents) { extents[4].length -= kPage; },
           [](auto&, auto* extents) { extents[4].length = ~0ull / kPage * kPage; },
           [](auto&, auto* extents) { extents[3].layer_offset = 1; },
           [](auto& header, auto*) { header.extent_count -= 1; }}) {
    write_broken(change);
    expect_refusal("is broken");
  }
  write_broken([](auto&, auto* extents) { extents[0].layer = -2; });
  expect_refusal("of other layers");
  write_broken([](auto&, auto* extents) { extents[0].layer = 2; });
  expect_refusal("of other layers");
  write_broken([](auto& header, auto*) { header.extent_count = WRENN_MAP_MAX_EXTENTS; });
  expect_refusal("cannot be read");
  write("map", std::string(sizeof(wrenn_map_header) - 1, 'x'));
  expect_refusal("cannot be read");
  write("map", "");
  expect_refusal("cannot be read");
}

TEST_F(PreloadTest, WhatIsMissingEndsTheProcess) {
  write("1", std::string(3 * kPage - 1, 'b'));
  expect_refusal("missing or too short");
  std::filesystem::remove(path("1"));
  expect_refusal("missing or too short");
  write("1", std::string(3 * kPage, 'b'));
  std::filesystem::remove(path("map"));
  expect_refusal("there is no map");
}

}  // namespace
}  // namespace wrenn::vm
