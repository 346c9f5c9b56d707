#include "envd/watch/watcher_table.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Result;
using net::Task;

class WatcherTableTest : public testing::Test {
 protected:
  WatchOptions options() const { return {.directory = dir.path()}; }

  void run(Task<Result<void>> test) {
    const auto result = loop.block_on(std::move(test));
    EXPECT_TRUE(result) << result.error().to_string();
  }

  net::Loop loop;
  net::BlockingPool pool{1};
  base::TempDir dir = *base::TempDir::create();
};

Task<Result<void>> fill(WatcherTable& table, WatchOptions options) {
  WRENN_CO_TRY_ASSIGN(const std::string first, co_await table.add(options));
  WRENN_CO_TRY_ASSIGN(const std::string second, co_await table.add(options));
  const auto third = co_await table.add(options);
  EXPECT_EQ(third.error().code, Code::kResourceExhausted);
  WRENN_CO_TRY(table.remove(first));
  EXPECT_EQ(table.remove(first).error().code, Code::kNotFound);
  const auto events = co_await table.take_events(first);
  EXPECT_EQ(events.error().code, Code::kNotFound);
  WRENN_CO_TRY(co_await table.add(options));
  co_await table.stop();
  co_return {};
}

TEST_F(WatcherTableTest, IsBounded) {
  WatcherTable table(loop, pool, {.watchers = 2});
  run(fill(table, options()));
}

Task<Result<void>> abandon(WatcherTable& table, WatchOptions options) {
  WRENN_CO_TRY(co_await table.add(options));
  WRENN_CO_TRY(co_await table.add(options));
  while (table.size() > 0) WRENN_CO_TRY(co_await net::sleep_for(std::chrono::milliseconds(5)));
  co_await table.stop();
  co_return {};
}

TEST_F(WatcherTableTest, ForgetsWatchersNobodyAsks) {
  WatcherTable table(loop, pool, {.lifetime = std::chrono::milliseconds(20)});
  run(net::with_timeout(std::chrono::seconds(20), abandon(table, options())));
}

// Asks until the queue has been filled.
Task<Result<void>> overflow(WatcherTable& table, WatchOptions options) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await table.add(options));
  for (int i = 0; i < 10; ++i) {
    WRENN_CO_TRY(base::write_file_atomic(options.directory / std::to_string(i), ""));
  }
  bool is_full = false;
  while (!is_full) {
    WRENN_CO_TRY_ASSIGN(const auto response, co_await table.take_events(id));
    EXPECT_LE(response.events_size(), 3);
    is_full = response.overflow();
    WRENN_CO_TRY(co_await net::sleep_for(std::chrono::milliseconds(1)));
  }
  co_await table.stop();
  co_return {};
}

TEST_F(WatcherTableTest, TellsOfAFullQueue) {
  WatcherTable table(loop, pool, {.queue = {.events = 3, .name_bytes = 1000}});
  run(net::with_timeout(std::chrono::seconds(20), overflow(table, options())));
}

}  // namespace
}  // namespace wrenn::envd
