#include "recipe/wrenn_recipe.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "recipe/dockerfile.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

std::vector<Instruction> parse(const Strings& lines) {
  auto plan = parse_recipe(lines, {.phases = Phases::kNone});
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().to_string());
  return plan ? std::move(plan->stages[0].instructions) : std::vector<Instruction>();
}

template <class T>
T one(const std::string& line) {
  const auto instructions = parse({line});
  if (instructions.size() != 1 || !std::holds_alternative<T>(instructions[0].operation)) {
    ADD_FAILURE() << line;
    return {};
  }
  return std::get<T>(instructions[0].operation);
}

base::Error error_of(const Strings& lines) {
  auto plan = parse_recipe(lines, {});
  EXPECT_FALSE(plan) << lines[0];
  if (plan) return {};
  EXPECT_FALSE(plan.error().remedy.empty());
  return plan.error();
}

TEST(RecipeTest, Lines) {
  EXPECT_EQ(one<recipe::Run>("RUN apt-get install -y git").command.text, "apt-get install -y git");
  EXPECT_EQ(one<recipe::Run>("run  echo 'a  b' \"$x\" # c").command.text, "echo 'a  b' \"$x\" # c");
  EXPECT_EQ(one<recipe::Run>("RUN --timeout=1m30s make").timeout, 90s);
  EXPECT_EQ(one<recipe::Run>("RUN --timeout 5m").command.text, "--timeout 5m");
  EXPECT_EQ(one<recipe::Run>("RUN cat <<EOF\nhello\nEOF").command.text, "cat <<EOF\nhello\nEOF");
  EXPECT_EQ(one<Start>("Start jupyter lab").command.text, "jupyter lab");
  EXPECT_EQ(one<Env>("ENV A=b=c \"d\"").pairs, (std::vector<Pair>{{"A", "b=c \"d\""}}));
  EXPECT_EQ(one<Env>("ENV A=").pairs, (std::vector<Pair>{{"A", ""}}));
  EXPECT_EQ(one<Workdir>("WORKDIR /a b").path, "/a b");
  EXPECT_EQ(one<User>("USER _a-B9").name, "_a-B9");
  EXPECT_EQ(one<User>("USER a").missing, User::Missing::kCreate);
}

TEST(RecipeTest, Copies) {
  const Copy copy = one<Copy>("COPY a dir/b c");
  EXPECT_EQ(copy.sources, (Strings{"a", "dir/b"}));
  EXPECT_EQ(copy.destination, "c");
  EXPECT_EQ(copy.directories, Copy::Directories::kAsCp);
  EXPECT_EQ(one<Copy>("COPY 'my file' \"to here\"").sources, Strings{"my file"});
  EXPECT_EQ(one<Copy>("COPY 'my file' \"to here\"").destination, "to here");
  // A quote that is a part of a name, as it always was.
  EXPECT_EQ(one<Copy>("COPY it's b").sources, Strings{"it's"});
  EXPECT_EQ(one<Copy>("COPY 'a b").sources, Strings{"'a"});
}

TEST(RecipeTest, CommentsAndContinuedLines) {
  const auto instructions =
      parse({"# comment", "", "RUN a \\", "  # between", "  b", "\t", "RUN c"});
  ASSERT_EQ(instructions.size(), 2u);
  EXPECT_EQ(std::get<recipe::Run>(instructions[0].operation).command.text, "a   b");
  EXPECT_EQ(instructions[0].source.line, 3u);
  EXPECT_EQ(instructions[1].source.line, 7u);
  EXPECT_EQ(one<recipe::Run>("RUN printf a\\\\").command.text, "printf a\\\\");
}

TEST(RecipeTest, FromAFile) {
  const auto plan = parse_recipe_text("\xef\xbb\xbf# x\r\nRUN a \\\r\n  b\r\n\r\nUSER me\r\n",
                                      {.phases = Phases::kNone});
  ASSERT_TRUE(plan);
  const auto& instructions = plan->stages[0].instructions;
  ASSERT_EQ(instructions.size(), 2u);
  EXPECT_EQ(std::get<recipe::Run>(instructions[0].operation).command.text, "a   b");
  EXPECT_EQ(std::get<User>(instructions[1].operation).name, "me");
}

TEST(RecipeTest, WhatCannotBe) {
  for (const char* bad : {"RUN",
                          "RUN --timeout=5 x",
                          "RUN --timeout=0 x",
                          "RUN --timeout=5m",
                          "START",
                          "ENV",
                          "ENV A",
                          "ENV =b",
                          "ENV a b=c",
                          "WORKDIR",
                          "USER",
                          "USER 1a",
                          "USER a b",
                          "USER a.b",
                          "COPY a",
                          "COPY /etc/passwd x",
                          "COPY ../a x",
                          "COPY a/../../b x",
                          "COPY '' x",
                          "FROM x",
                          "nothing"}) {
    EXPECT_TRUE(error_of({"RUN x", bad}).message.contains("line 2")) << bad;
  }
  EXPECT_TRUE(error_of({"# nothing"}).message.contains("no instructions"));
  EXPECT_EQ(error_of(Strings(kMaxInstructions + 1, "RUN x")).code, Code::kResourceExhausted);
  EXPECT_EQ(error_of({std::string("RUN \0", 5)}).code, Code::kInvalidArgument);
  EXPECT_EQ(error_of(Strings(20, "RUN " + std::string(100'000, 'x'))).code,
            Code::kResourceExhausted);
}

TEST(RecipeTest, HasPhasesAroundIt) {
  const auto plan = parse_recipe(Strings{"RUN x"}, {.base = "python", .ready_check = "true"});
  ASSERT_TRUE(plan);
  const auto& instructions = plan->stages[0].instructions;
  EXPECT_EQ(plan->stages[0].base.name, "python");
  ASSERT_EQ(instructions.size(), 3u + 1 + 4 + 1);
  EXPECT_EQ(instructions[2].phase, Phase::kBefore);
  EXPECT_EQ(instructions[3].phase, Phase::kBuild);
  EXPECT_EQ(instructions[7].phase, Phase::kAfter);
  EXPECT_TRUE(std::get<Healthcheck>(instructions[8].operation).check);
  EXPECT_FALSE(parse_recipe(Strings{"RUN x"}, {.ready_check = "--x"}));
}

TEST(ReadyCheckTest, HasTheDefaultsOfARecipe) {
  const auto check = parse_ready_check("curl -f localhost:8888");
  ASSERT_TRUE(check);
  EXPECT_EQ(check->command, Command::shell("curl -f localhost:8888"));
  EXPECT_EQ(check->interval, 3s);
  EXPECT_EQ(check->timeout, 10s);
  EXPECT_EQ(check->start_period, 0s);
  EXPECT_EQ(check->retries, 0u);
  EXPECT_EQ(check->deadline, 10min);
}

TEST(ReadyCheckTest, TakesFlags) {
  const auto check = parse_ready_check(
      " --interval=5s --timeout=5s\n--start-period=60s --retries=5 curl  -f\n 'a  b'  "
      "--interval=1s ");
  ASSERT_TRUE(check);
  EXPECT_EQ(check->command.text, "curl -f 'a  b' --interval=1s");
  EXPECT_EQ(check->retries, 5u);
  EXPECT_EQ(check->deadline, 120s);
  EXPECT_EQ(parse_ready_check("--start-period=0 --deadline=1h true")->deadline, 1h);
}

TEST(ReadyCheckTest, SaysWhatIsWrong) {
  for (const char* bad :
       {"", "  ", "--interval=5s", "--interval=x a", "--interval=0 a", "--interval 5s a",
        "--retries=-1 a", "--retries=x a", "--other=1 a", "--deadline=0 a"}) {
    const auto check = parse_ready_check(bad);
    ASSERT_FALSE(check) << bad;
    EXPECT_FALSE(check.error().remedy.empty()) << bad;
  }
}

}  // namespace
}  // namespace wrenn::recipe
