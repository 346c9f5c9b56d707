#include "cli/build_progress.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

using Kind = BuildLine::Kind;
using Lines = std::vector<std::string>;

constexpr std::int64_t kBegan = 1769860800000;
constexpr base::SteadyTime kNow{std::chrono::seconds(1000)};

BuildLine line_of(Kind kind, std::int64_t step, std::string text, std::int64_t after_ms = 0) {
  return {.kind = kind,
          .number = 1,
          .step = step,
          .at_ms = kBegan + after_ms,
          .text = std::move(text),
          .build = {}};
}

std::string add_all(BuildProgress& progress, const std::vector<BuildLine>& lines) {
  std::string out;
  for (const BuildLine& line : lines) out += progress.add(line, kNow);
  return out;
}

BuildLine end_line() {
  return {.kind = Kind::kEnd, .text = {}, .build = Build{}};
}

TEST(PlainProgress, NumbersEveryLine) {
  PlainProgress progress(7, Paint(), kNow);
  EXPECT_EQ(
      add_all(progress, {line_of(Kind::kNotice, 0, "waiting for a host: all are full"),
                         line_of(Kind::kCached, 1, "[build] COPY . ."),
                         line_of(Kind::kStep, 2, "[build] RUN make \\\n  all"),
                         line_of(Kind::kStdout, 2, "cc a.c\ncc "),
                         line_of(Kind::kStderr, 2, "\x1b[31mwarning\x1b[0m\n"),
                         line_of(Kind::kStdout, 2, "b.c"), line_of(Kind::kDone, 2, "1.2 s"),
                         line_of(Kind::kStep, 3, "WORKDIR /app"), line_of(Kind::kDone, 3, "0.0 s"),
                         line_of(Kind::kNotice, 0, "waiting until it is ready"),
                         line_of(Kind::kStdout, 0, "refused"), end_line()}),
      "#0 waiting for a host: all are full\n"
      "#1 [build 1/7] COPY . .\n"
      "#1 CACHED\n"
      "#2 [build 2/7] RUN make \\ ...\n"
      "#2 cc a.c\n"
      "#2 warning\n"
      "#2 cc b.c\n"
      "#2 DONE 1.2 s\n"
      "#3 [3/7] WORKDIR /app\n"
      "#3 DONE 0.0 s\n"
      "#0 waiting until it is ready\n"
      "#0 refused\n");
  EXPECT_EQ(progress.window(kNow, {80, 24}), Lines{});
}

TEST(PlainProgress, KnowsNoTotalAndNoUnknownKinds) {
  PlainProgress progress(0, Paint(), kNow);
  EXPECT_EQ(add_all(progress, {line_of(Kind::kStep, 4, "RUN true"), line_of(Kind::kUnknown, 4, "?"),
                               line_of(Kind::kStdout, 9, "before its step\n")}),
            "#4 [4] RUN true\n#9 before its step\n");
}

TEST(BuildProgress, ShowsTheStepThatFailedWithItsLastLines) {
  PlainProgress progress(3, Paint(), kNow);
  std::string output;
  for (int i = 1; i <= 25; ++i) output += base::concat("line ", i, "\n");
  add_all(progress, {line_of(Kind::kStep, 1, "RUN true"), line_of(Kind::kDone, 1, "0.1 s"),
                     line_of(Kind::kStep, 2, "RUN make"), line_of(Kind::kStdout, 2, output),
                     line_of(Kind::kError, 0, "line 2, RUN make: exit status 2"), end_line()});
  EXPECT_EQ(progress.error(), "line 2, RUN make: exit status 2");
  const std::string block = progress.failed_step();
  EXPECT_TRUE(block.starts_with("------\n > [2/3] RUN make:\nline 6\n")) << block;
  EXPECT_TRUE(block.ends_with("line 25\n------\n")) << block;
}

TEST(BuildProgress, AStepWaitsForThoseItCopiesFrom) {
  PlainProgress progress(0, Paint(), kNow);
  add_all(progress, {line_of(Kind::kStep, 3, "[stage 2] COPY --from=build /a /a"),
                     line_of(Kind::kStep, 1, "[build] RUN false")});
  EXPECT_TRUE(progress.failed_step().contains("[build 1] RUN false"));
}

TEST(BuildProgress, WhatFailsAfterTheStepsIsNoStep) {
  PlainProgress progress(1, Paint(), kNow);
  add_all(progress, {line_of(Kind::kStep, 1, "RUN true"), line_of(Kind::kDone, 1, "0.1 s"),
                     line_of(Kind::kNotice, 0, "starting server")});
  EXPECT_EQ(progress.failed_step(), "");
  add_all(progress, {line_of(Kind::kNotice, 0, "waiting until it is ready"),
                     line_of(Kind::kStderr, 0, "connection refused\n")});
  EXPECT_EQ(progress.failed_step(),
            "------\n > waiting until it is ready:\nconnection refused\n------\n");
}

TEST(BuildProgress, ANewAttemptForgetsWhatWasRunning) {
  TerminalProgress progress(2, Paint(), kNow);
  add_all(progress, {line_of(Kind::kStep, 1, "RUN true"),
                     line_of(Kind::kNotice, 0, "trying again: the host is gone")});
  ASSERT_EQ(progress.window(kNow, {80, 24}).size(), 1u);
  EXPECT_TRUE(progress.window(kNow, {80, 24})[0].contains("trying again"));
  EXPECT_EQ(progress.failed_step(), "");
}

TEST(TerminalProgress, EndedStepsStay) {
  TerminalProgress progress(3, Paint(true), kNow);
  EXPECT_EQ(
      add_all(progress, {line_of(Kind::kCached, 1, "COPY . ."), line_of(Kind::kStep, 2, "RUN make"),
                         line_of(Kind::kStdout, 2, "cc a.c\n"), line_of(Kind::kDone, 2, "1.2 s"),
                         line_of(Kind::kNotice, 0, "starting ./server"), end_line()}),
      "\x1b[32m✓\x1b[0m [1/3] COPY . .  \x1b[36mCACHED\x1b[0m\n"
      "\x1b[32m✓\x1b[0m [2/3] RUN make  \x1b[2m1.2 s\x1b[0m\n"
      "\x1b[2m• starting ./server\x1b[0m\n");
}

// Without the picture that turns.
Lines window_of(const TerminalProgress& progress, base::SteadyTime now, WindowSize size) {
  Lines lines = progress.window(now, size);
  for (std::string& line : lines) {
    if (!line.starts_with("    ")) line.erase(0, line.find(' ') + 1);
  }
  return lines;
}

TEST(TerminalProgress, TheWindowShowsWhatRuns) {
  TerminalProgress progress(3, Paint(), kNow);
  EXPECT_EQ(window_of(progress, kNow + std::chrono::seconds(2), {80, 24}),
            (Lines{"waiting to be begun  2.0 s"}));
  progress.add(line_of(Kind::kStep, 2, "RUN make"), kNow);
  std::string output;
  for (int i = 1; i <= 9; ++i) output += base::concat("line ", i, "\n");
  // The server's clock is not ours: what counts is what goes by.
  progress.add(line_of(Kind::kStdout, 2, output + "begun", 5'000), kNow);
  const auto later = kNow + std::chrono::milliseconds(1'500);
  EXPECT_EQ(window_of(progress, later, {80, 24}),
            (Lines{"[2/3] RUN make  6.5 s", "    line 5", "    line 6", "    line 7", "    line 8",
                   "    line 9", "    begun"}));
  EXPECT_EQ(window_of(progress, later, {80, 5}),
            (Lines{"[2/3] RUN make  6.5 s", "    line 9", "    begun"}));
}

TEST(TerminalProgress, TheWindowIsNoWiderThanTheTerminal) {
  TerminalProgress progress(3, Paint(), kNow);
  progress.add(line_of(Kind::kStep, 2, base::concat("RUN ", std::string(300, 'x'))), kNow);
  progress.add(line_of(Kind::kStdout, 2, std::string(300, 'y')), kNow);
  for (const std::string& line : progress.window(kNow, {40, 24})) {
    EXPECT_LT(text_width(line), 40u) << line;
  }
  EXPECT_EQ(progress.window(kNow, {40, 24}).size(), 2u);
}

TEST(TerminalProgress, BetweenStepsItSaysWhatItDoes) {
  TerminalProgress progress(1, Paint(), kNow);
  add_all(progress, {line_of(Kind::kStep, 1, "RUN true"), line_of(Kind::kDone, 1, "0.1 s")});
  EXPECT_EQ(window_of(progress, kNow, {80, 24}), (Lines{"at work  0.0 s"}));
  add_all(progress, {line_of(Kind::kNotice, 0, "waiting until it is ready"),
                     line_of(Kind::kStdout, 0, "not yet\n", 3'000)});
  EXPECT_EQ(window_of(progress, kNow, {80, 24}),
            (Lines{"waiting until it is ready  3.0 s", "    not yet"}));
}

}  // namespace
}  // namespace wrenn::cli
