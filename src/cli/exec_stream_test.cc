#include "cli/exec_stream.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

TEST(LineSplitter, CutsWhereverTheBytesWereCut) {
  const std::string text = "one\n\ntwo\nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineSplitter splitter;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at += size) {
      ASSERT_TRUE(splitter.feed(std::string_view(text).substr(at, size)));
      while (const auto line = splitter.next()) lines.emplace_back(*line);
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two"})) << size;
  }
}

TEST(LineSplitter, RefusesALineWithoutEnd) {
  LineSplitter splitter;
  const std::string block(1 << 20, 'x');
  base::Result<void> fed;
  for (int i = 0; i < 20 && fed; ++i) fed = splitter.feed(block);
  ASSERT_FALSE(fed.has_value());
  EXPECT_EQ(fed.error().code, base::Code::kDataLoss);
}

TEST(ParseExecEvent, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const auto event =
      parse_exec_event(base::concat(R"({"type":"stderr","data":")", base::to_base64(bytes), "\"}"));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, ExecEvent::Kind::kStderr);
  EXPECT_EQ(event->data, bytes);
}

TEST(ParseExecEvent, ReadsTheRest) {
  EXPECT_EQ(parse_exec_event(R"({"type":"start","pid":7})")->kind, ExecEvent::Kind::kStart);
  EXPECT_EQ(parse_exec_event(R"({"type":"exit","exit_code":3,"duration_ms":1})")->exit_code, 3);
  const auto error =
      parse_exec_event(R"({"type":"error","code":"deadline_exceeded","message":"too slow"})");
  EXPECT_EQ(error->error.code, base::Code::kDeadlineExceeded);
  EXPECT_EQ(error->error.message, "too slow");
  EXPECT_EQ(parse_exec_event(R"({"type":"of tomorrow"})")->kind, ExecEvent::Kind::kUnknown);
}

TEST(ParseExecEvent, RefusesDamage) {
  for (const char* line : {"", "x", "[]", R"({"type":"stdout","data":"?"})"}) {
    const auto event = parse_exec_event(line);
    ASSERT_FALSE(event.has_value()) << line;
    EXPECT_EQ(event.error().code, base::Code::kDataLoss);
  }
}

TEST(ExitStatusOf, FitsIntoAProcess) {
  EXPECT_EQ(exit_status_of(0), 0);
  EXPECT_EQ(exit_status_of(137), 137);
  EXPECT_EQ(exit_status_of(-1), 255);
  EXPECT_EQ(exit_status_of(256), 255);
}

}  // namespace
}  // namespace wrenn::cli
