#include "control/api/input_queue.h"

#include <gtest/gtest.h>

#include "net/scope.h"

namespace wrenn::control {
namespace {

using Kind = ClientInput::Kind;
using net::Task;

ClientInput data(std::string bytes) {
  return {.kind = Kind::kData, .data = std::move(bytes)};
}

Task<void> check_order(InputQueue& queue) {
  EXPECT_TRUE(co_await queue.push(data("a")));
  EXPECT_TRUE(co_await queue.push(data("b")));
  EXPECT_TRUE(co_await queue.push({.kind = Kind::kResize, .cols = 5}));
  EXPECT_TRUE(co_await queue.push(data("c")));
  EXPECT_TRUE(co_await queue.push({.kind = Kind::kKill}));
  queue.close();
  EXPECT_FALSE(co_await queue.push(data("late")));
  EXPECT_EQ((*co_await queue.pop())->data, "ab");
  EXPECT_EQ((*co_await queue.pop())->cols, 5u);
  EXPECT_EQ((*co_await queue.pop())->data, "c");
  EXPECT_EQ((*co_await queue.pop())->kind, Kind::kKill);
  EXPECT_FALSE((*co_await queue.pop()).has_value());
}

TEST(InputQueueTest, MergesBytesAndKeepsTheOrder) {
  net::Loop loop;
  InputQueue queue;
  loop.block_on(check_order(queue));
}

Task<void> push_all(InputQueue* queue, std::size_t count, std::string bytes, std::size_t* pushed) {
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_TRUE(co_await queue->push(data(bytes)));
    ++*pushed;
  }
  queue->close();
}

Task<void> check_bound(net::Loop& loop, std::size_t size, std::size_t expected) {
  constexpr std::size_t kCount = 500;
  InputQueue queue;
  std::size_t pushed = 0;
  net::TaskScope scope(loop);
  scope.spawn(push_all(&queue, kCount, std::string(size, 'x'), &pushed));
  (void)co_await net::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(pushed, expected);
  std::size_t bytes = 0;
  while (const auto input = *co_await queue.pop()) {
    EXPECT_LE(input->data.size(), InputQueue::kMergeBytes);
    bytes += input->data.size();
  }
  EXPECT_EQ(bytes, kCount * size);
  co_await scope.join();
}

TEST(InputQueueTest, AFullOneMakesItsSenderWaitAndLosesNothing) {
  net::Loop loop;
  loop.block_on(check_bound(loop, 1, InputQueue::kMaxMessages));
  loop.block_on(check_bound(loop, InputQueue::kMergeBytes, 16));
}

}  // namespace
}  // namespace wrenn::control
