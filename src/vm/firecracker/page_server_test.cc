// Page faults of this very process, served as those of a VM.
#include "vm/firecracker/page_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "vm/firecracker/test_vmm.h"
#include "vm/vm_socket.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 256;

class FirecrackerPageServer : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not everybody may serve page faults";
    ASSERT_TRUE(dir_);
    auto listener = listen_in(dir_->path(), "pages.sock");
    ASSERT_TRUE(listener) << listener.error().message;
    listener_ = *std::move(listener);
  }

  // Two layers: pages 0 to 127 have their number in the first, 128 to 191 are 9 by the second, and
  // the rest is zero.
  PageSource source() {
    MemoryMap map{.memory_bytes = kPages * kPage, .layer_count = 2, .extents = {}};
    map.append({0, 128 * kPage, 0, 0});
    map.append({128 * kPage, 64 * kPage, 1, kPage});
    map.append({192 * kPage, 64 * kPage, kZeroLayer, 0});
    std::string first;
    for (int page = 0; page < 128; ++page) first.append(kPage, static_cast<char>(page));
    std::vector<base::Fd> layers;
    for (const auto& [name, bytes] :
         {std::pair("first", first), std::pair("second", std::string(65 * kPage, '\x09'))}) {
      EXPECT_TRUE(base::write_file_atomic(dir_->path() / name, bytes));
      layers.push_back(*base::open_file(dir_->path() / name, O_RDONLY));
    }
    return {std::move(map), std::move(layers)};
  }

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  base::Fd listener_;
};

TEST_F(FirecrackerPageServer, PagesComeAsTheyWereSavedAndGoWhenTheyAreGivenBack) {
  const PageSource pages = source();
  const base::Path recorded = dir_->path() / "recorded";
  base::Result<void> served = base::fail(Code::kUnknown, "not yet");
  PageList asked;
  std::thread server([&] {
    const auto peer =
        accept_handshake(listener_.get(), pages.memory_bytes(), std::chrono::seconds(10));
    if (!peer) {
      served = base::fail(peer.error());
      return;
    }
    PageServer serving(*peer, pages, {20, 21, 200, 21});
    const auto record = base::open_file(recorded, O_WRONLY | O_CREAT);
    serving.record(record->get(), std::chrono::milliseconds(100));
    served = serving.run();
    asked = serving.asked();
  });
  {
    TestMemory memory;
    const std::string problem =
        memory.load_served(kPages * kPage, dir_->path() / "pages.sock", TestMemory::Tracking::kOff);
    ASSERT_EQ(problem, "");
    EXPECT_EQ(memory.look(5), 5);
    EXPECT_EQ(memory.look(20), 20);
    EXPECT_EQ(memory.look(130), 9);
    EXPECT_EQ(memory.look(255), 0);
    memory.fill(6, 2, 77);
    // Given back, they are zero: neither what was saved nor what was written.
    EXPECT_TRUE(memory.discard(4, 8));
    EXPECT_TRUE(memory.discard(150, 1));
    for (const std::size_t page : {4u, 5u, 6u, 7u, 11u, 150u})
      EXPECT_EQ(memory.look(page), 0) << page;
    EXPECT_EQ(memory.look(3), 3);
    EXPECT_EQ(memory.look(12), 12);
    memory.fill(5, 1, 88);
    EXPECT_EQ(memory.look(5), 88);
    ::usleep(300'000);
    memory.fill(40, 1, 1);
    for (std::size_t page = 41; page < 128; ++page)
      ASSERT_EQ(memory.look(page), static_cast<int>(page));
  }
  server.join();
  EXPECT_TRUE(served) << served.error().message;
  ASSERT_GT(asked.size(), 3u);
  EXPECT_EQ(asked.front(), 5u);
  EXPECT_EQ(std::count(asked.begin(), asked.end(), 21u), 0) << "it came before anybody asked";
  const auto list = parse_page_list(base::read_file(recorded).value_or(""), pages.memory_bytes());
  ASSERT_TRUE(list);
  EXPECT_GT(list->size(), 3u);
  EXPECT_LT(list->size(), asked.size()) << "of the beginning only";
}

TEST_F(FirecrackerPageServer, ABrokenLayerIsAnError) {
  const PageSource pages = source();
  ASSERT_EQ(::truncate((dir_->path() / "first").c_str(), kPage), 0);
  std::string buffer(kPage, '\0');
  EXPECT_TRUE(pages.read(0, buffer));
  const auto cut = pages.read(100 * kPage, buffer);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::kDataLoss);
}

TEST_F(FirecrackerPageServer, WhoDoesNotSayWhatItMustIsNotServed) {
  const auto refusal = [this](std::string_view message) {
    std::thread caller([this, message] {
      const auto socket = socket_in(dir_->path(), "pages.sock");
      const auto fd = socket->endpoint.make_socket();
      EXPECT_EQ(socket->endpoint.connect(fd->get()), 0);
      EXPECT_EQ(::send(fd->get(), message.data(), message.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(message.size()));
      ::usleep(100'000);
    });
    const auto peer = accept_handshake(listener_.get(), 1 << 20, std::chrono::milliseconds(80));
    caller.join();
    return peer ? Code::kUnknown : peer.error().code;
  };
  EXPECT_EQ(refusal("[]"), Code::kInvalidArgument) << "no descriptor came with it";
  EXPECT_EQ(refusal(""), Code::kDeadlineExceeded);
  const auto nobody = accept_handshake(listener_.get(), 1 << 20, std::chrono::milliseconds(20));
  EXPECT_EQ(nobody.error().code, Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace wrenn::vm::firecracker
