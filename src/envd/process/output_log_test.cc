#include "envd/process/output_log.h"

#include <string>

#include <gtest/gtest.h>

#include "net/scope.h"

namespace wrenn::envd {
namespace {

using net::Task;

std::string read_all(OutputReader& reader) {
  std::string bytes;
  while (const auto piece = reader.take()) bytes += piece->bytes;
  return bytes;
}

TEST(OutputLog, KeepsKindsApartAndOrder) {
  OutputBudget budget(1u << 30);
  const auto log = std::make_shared<OutputLog>(budget);
  OutputReader reader(log, 0);
  EXPECT_FALSE(reader.take());
  log->append(OutputKind::kStdout, "a");
  log->append(OutputKind::kStdout, "b");
  log->append(OutputKind::kStderr, "c");
  log->append(OutputKind::kStdout, "d");
  const auto first = reader.take();
  EXPECT_EQ(first->kind, OutputKind::kStdout);
  EXPECT_EQ(first->bytes, "ab");
  const auto second = reader.take();
  EXPECT_EQ(second->kind, OutputKind::kStderr);
  EXPECT_EQ(second->bytes, "c");
  EXPECT_EQ(read_all(reader), "d");
  OutputReader from_middle(log, 1);
  EXPECT_EQ(read_all(from_middle), "bcd");
  EXPECT_EQ(log->end(), 4U);
}

TEST(OutputLog, IsSmallForSmallOutput) {
  OutputBudget budget(1u << 30);
  const auto log = std::make_shared<OutputLog>(budget);
  log->append(OutputKind::kStdout, "done\n");
  EXPECT_LE(budget.used(), 256U);
}

TEST(OutputLog, OldestBytesFallOut) {
  OutputBudget budget(1u << 30);
  const auto log = std::make_shared<OutputLog>(budget);
  const std::string piece(10'000, 'x');
  for (int i = 0; i < 1000; ++i) log->append(OutputKind::kStdout, piece);
  EXPECT_GE(log->end() - log->begin(), kKeptOutput);
  EXPECT_LE(log->end() - log->begin(), kKeptOutput + kMaxOutputPiece);
  OutputReader reader(log, 0);
  EXPECT_EQ(reader.position(), log->begin());
}

TEST(OutputLog, TinyPiecesOfAlternatingKindsAreBounded) {
  OutputBudget budget(1u << 30);
  const auto log = std::make_shared<OutputLog>(budget);
  for (int i = 0; i < 100'000; ++i) {
    log->append(i % 2 == 0 ? OutputKind::kStdout : OutputKind::kStderr, "x");
  }
  EXPECT_LE(budget.used(), 2 * kKeptOutput + kMaxOutputPiece);
  EXPECT_GE(log->end() - log->begin(), 9000U);
}

TEST(OutputLog, PieceOutlivesTheLog) {
  OutputBudget budget(1u << 30);
  auto log = std::make_shared<OutputLog>(budget);
  log->append(OutputKind::kPty, "kept");
  std::optional<OutputPiece> piece;
  {
    OutputReader reader(log, 0);
    piece = reader.take();
  }
  log.reset();
  EXPECT_EQ(piece->bytes, "kept");
  EXPECT_EQ(budget.used(), 0U);
}

// Writes `count` pieces, each when there is room.
Task<void> write(OutputLog& log, int count, int& written) {
  const std::string piece(kMaxOutputPiece, 'x');
  for (; written < count; ++written) {
    if (!co_await log.wait_room()) co_return;
    log.append(OutputKind::kStdout, piece);
  }
  log.close();
}

// Lets everything that can go on do so.
Task<void> settle() {
  for (int i = 0; i < 10; ++i) co_await net::LetOthersRun();
}

Task<void> write_with_readers(net::Loop& loop) {
  constexpr int kCount = 100;
  constexpr int kFull = static_cast<int>(kKeptOutput / kMaxOutputPiece);
  OutputBudget budget(1u << 30);
  const auto log = std::make_shared<OutputLog>(budget);
  auto stuck = std::make_unique<OutputReader>(log, 0);
  OutputReader slow(log, 0);
  net::TaskScope scope(loop);
  int written = 0;
  scope.spawn(write(*log, kCount, written));
  co_await settle();
  EXPECT_EQ(written, kFull);
  EXPECT_EQ(read_all(slow).size(), kKeptOutput);
  co_await settle();
  EXPECT_EQ(written, kFull) << "the slowest reader counts";
  stuck.reset();
  co_await settle();
  EXPECT_EQ(written, 2 * kFull);
  std::size_t size = kKeptOutput;
  while (!log->is_closed() || slow.position() < log->end()) {
    const auto waited = co_await slow.wait();
    EXPECT_TRUE(waited);
    size += read_all(slow).size();
  }
  EXPECT_EQ(size, kCount * kMaxOutputPiece);
  co_await scope.join();
}

TEST(OutputLog, WriterWaitsForTheSlowestReader) {
  net::Loop loop;
  loop.block_on(write_with_readers(loop));
}

TEST(OutputBudget, OldestEndedLogsGoFirst) {
  // Four logs and what they cost beside their bytes.
  constexpr std::size_t kMax = (4u << 20) + (64u << 10);
  OutputBudget budget(kMax);
  const std::string piece(kMaxOutputPiece, 'x');
  const auto fill = [&](OutputLog& log) {
    for (std::size_t i = 0; i < kKeptOutput / piece.size(); ++i) {
      log.append(OutputKind::kStdout, piece);
    }
  };
  std::vector<std::shared_ptr<OutputLog>> logs;
  for (int i = 0; i < 5; ++i) logs.push_back(std::make_shared<OutputLog>(budget));
  fill(*logs[0]);
  logs[0]->append(OutputKind::kStdout, "x");
  for (int i : {1, 2, 3}) fill(*logs[static_cast<std::size_t>(i)]);
  logs[2]->close();
  logs[1]->close();
  fill(*logs[4]);
  EXPECT_LE(budget.used(), kMax);
  EXPECT_EQ(logs[2]->begin(), logs[2]->end()) << "it was closed first";
  EXPECT_GT(logs[0]->end() - logs[0]->begin(), kKeptOutput / 2);
  EXPECT_GE(logs[4]->end() - logs[4]->begin(), kKeptOutput / 2);
}

TEST(OutputBudget, RunningLogsBecomeShorter) {
  constexpr std::size_t kMax = 4u << 20;
  OutputBudget budget(kMax);
  const std::string piece(8192, 'x');
  std::vector<std::shared_ptr<OutputLog>> logs;
  for (int i = 0; i < 64; ++i) logs.push_back(std::make_shared<OutputLog>(budget));
  const OutputReader stuck(logs[0], 0);
  for (int round = 0; round < 64; ++round) {
    for (const auto& log : logs) log->append(OutputKind::kStdout, piece);
  }
  EXPECT_LE(budget.used(), kMax);
  EXPECT_EQ(logs[0]->begin(), 0U) << "what a reader has not read is kept";
  for (const auto& log : logs) EXPECT_GT(log->end() - log->begin(), 0U);
  logs.clear();
  const auto alone = std::make_shared<OutputLog>(budget);
  for (int i = 0; i < 1000; ++i) alone->append(OutputKind::kStdout, piece);
  EXPECT_GE(alone->end() - alone->begin(), kKeptOutput / 2);
}

}  // namespace
}  // namespace wrenn::envd
