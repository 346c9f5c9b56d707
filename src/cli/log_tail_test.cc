#include "cli/log_tail.h"

#include <fcntl.h>

#include <vector>

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

class LogTailTest : public testing::Test {
 protected:
  void append(std::string_view text) {
    const auto fd = base::open_file(path_, O_WRONLY | O_CREAT | O_APPEND);
    ASSERT_TRUE(fd.has_value());
    ASSERT_TRUE(base::write_all(fd->get(), text));
  }
  std::vector<std::string> poll(LogTail& tail) {
    std::vector<std::string> lines;
    tail.poll([&](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }

  base::TempDir dir_ = std::move(*base::TempDir::create());
  base::Path path_ = dir_.path() / "log";
};

TEST_F(LogTailTest, ShowsWhatIsNewOnceItIsWhole) {
  append("old\n");
  LogTail tail(path_);
  append("on");
  EXPECT_TRUE(poll(tail).empty());
  append("e\ntwo\x1b[2J\n");
  EXPECT_EQ(poll(tail), (std::vector<std::string>{"one", "two?[2J"}));
  EXPECT_EQ(tail.last_lines(), "  one\n  two?[2J\n");
}

TEST_F(LogTailTest, KeepsTheLastLinesOnly) {
  LogTail tail(path_);
  for (int i = 0; i < 100; ++i) append("line\n");
  append("end\n");
  EXPECT_EQ(poll(tail).size(), 101u);
  EXPECT_TRUE(tail.last_lines().ends_with("  line\n  end\n"));
  EXPECT_LT(tail.last_lines().size(), 200u);
}

TEST(LogMessage, DropsWhatStandsInFront) {
  EXPECT_EQ(log_message("2026-01-31T12:00:00.000+0000 info agent probing KVM deadline_s=5"),
            "probing KVM deadline_s=5");
  EXPECT_EQ(log_message("terminate called after throwing"), "terminate called after throwing");
  EXPECT_EQ(log_message("short"), "short");
  EXPECT_EQ(
      log_message(R"({"ts":"x","level":"info","program":"wrenn-cp","msg":"a \"host\"","n":1})"),
      "a \"host\"");
  for (const char* odd : {"{", R"({"msg":1})", R"({"ts":"x"})"}) EXPECT_EQ(log_message(odd), odd);
}

}  // namespace
}  // namespace wrenn::cli
