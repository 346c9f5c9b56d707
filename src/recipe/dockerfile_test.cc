#include "recipe/dockerfile.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using Strings = std::vector<std::string>;

BuildPlan plan_of(std::string_view text, const BuildOptions& options = {}) {
  auto plan = parse_dockerfile(text, options);
  EXPECT_TRUE(plan) << text << "\n" << (plan ? "" : plan.error().to_string());
  return plan ? std::move(*plan) : BuildPlan{};
}

// The only instruction behind "FROM minimal".
template <class T>
T one(std::string_view text) {
  const BuildPlan plan = plan_of(base::concat("FROM minimal\n", text));
  if (plan.stages.empty() || plan.stages[0].instructions.size() != 1) {
    ADD_FAILURE() << text;
    return {};
  }
  const auto* operation = std::get_if<T>(&plan.stages[0].instructions[0].operation);
  EXPECT_NE(operation, nullptr) << text;
  return operation == nullptr ? T{} : *operation;
}

std::string shell_of(std::string_view text) {
  const Command command = one<recipe::Run>(text).command;
  EXPECT_EQ(command.form, Command::Form::kShell) << text;
  return command.text;
}

base::Error error_of(std::string_view text, const BuildOptions& options = {}) {
  auto plan = parse_dockerfile(text, options);
  EXPECT_FALSE(plan) << text;
  if (plan) return {};
  EXPECT_FALSE(plan.error().remedy.empty()) << plan.error().message;
  return plan.error();
}

TEST(DockerfileTest, JoinsLinesThatGoOn) {
  EXPECT_EQ(shell_of("RUN a \\\n  b"), "a   b");
  EXPECT_EQ(shell_of("RUN a\\\nb"), "ab");
  EXPECT_EQ(shell_of("RUN a \\  \nb"), "a b");
  EXPECT_EQ(shell_of("RUN a \\\r\nb\r\n"), "a b");
  EXPECT_EQ(shell_of("RUN a \\\n# comment\n  # another\nb"), "a b");
  EXPECT_EQ(shell_of("RUN a \\\n\n\nb"), "a b");
}

TEST(DockerfileTest, TwoBackslashesDoNotContinue) {
  const BuildPlan plan = plan_of("FROM x\nRUN a \\\\\nRUN b");
  ASSERT_EQ(plan.stages[0].instructions.size(), 2u);
}

TEST(DockerfileTest, ALineThatGoesOnAtTheEndIsWhole) {
  EXPECT_EQ(shell_of("RUN a \\"), "a");
  EXPECT_EQ(shell_of("RUN a \\\n# comment"), "a");
}

TEST(DockerfileTest, DirectivesAreAtTheTop) {
  EXPECT_EQ(plan_of("# escape=`\nFROM x").escape, '`');
  EXPECT_EQ(plan_of("#syntax=docker/dockerfile:1\n#\tEscape = `\nFROM x").escape, '`');
  EXPECT_EQ(plan_of("# about\n# escape=`\nFROM x").escape, '\\');
  EXPECT_EQ(plan_of("\n# escape=`\nFROM x").escape, '\\');
  EXPECT_EQ(plan_of("FROM x\n# escape=`\n").escape, '\\');
  EXPECT_EQ(plan_of("\xef\xbb\xbf# escape=`\nFROM x").escape, '`');
  EXPECT_TRUE(error_of("# escape=x\nFROM x").message.contains("line 1"));
  EXPECT_TRUE(error_of("# escape=`\n# escape=`\nFROM x").message.contains("line 2"));
  EXPECT_TRUE(plan_of("#syntax=docker/dockerfile:1.7\nFROM x").warnings.empty());
  EXPECT_EQ(plan_of("#syntax=example/other\nFROM x").warnings.size(), 1u);
}

TEST(DockerfileTest, TheOtherEscapeContinuesLines) {
  const BuildPlan plan = plan_of("# escape=`\nFROM x\nCOPY testfile.txt c:\\\nRUN dir `\n c:\\");
  ASSERT_EQ(plan.stages[0].instructions.size(), 2u);
  EXPECT_EQ(std::get<recipe::Run>(plan.stages[0].instructions[1].operation).command.text,
            "dir  c:\\");
}

TEST(DockerfileTest, KnowsWhereThingsStand) {
  const BuildPlan plan = plan_of("# one\n\nFROM x\n\nRUN a \\\n  b\n# x\nENV a=b\n");
  const auto& instructions = plan.stages[0].instructions;
  EXPECT_EQ(plan.stages[0].source.line, 3u);
  EXPECT_EQ(instructions[0].source.line, 5u);
  EXPECT_EQ(instructions[0].source.text, "RUN a   b");
  EXPECT_EQ(instructions[1].source.line, 8u);
}

TEST(DockerfileTest, RunHasTwoForms) {
  EXPECT_EQ(one<recipe::Run>("RUN [\"a\", \"b c\"]").command.argv, (Strings{"a", "b c"}));
  EXPECT_EQ(one<recipe::Run>("run echo $HOME \\$x \"q\"").command.text, "echo $HOME \\$x \"q\"");
  EXPECT_EQ(one<recipe::Run>("RUN ['a', 'b']").command.text, "['a', 'b']");
  EXPECT_EQ(one<recipe::Run>("RUN --timeout=5m make").timeout, std::chrono::minutes(5));
  EXPECT_EQ(one<recipe::Run>("RUN --network=default --security=sandbox x").command.text, "x");
  EXPECT_EQ(error_of("FROM x\nRUN --mount=type=cache,target=/x y").code, Code::kUnimplemented);
  EXPECT_EQ(error_of("FROM x\nRUN --mount=type=secret,id=a y").code, Code::kUnimplemented);
  EXPECT_EQ(error_of("FROM x\nRUN --network=host y").code, Code::kUnimplemented);
  EXPECT_EQ(error_of("FROM x\nRUN --security=insecure y").code, Code::kUnimplemented);
  EXPECT_TRUE(error_of("FROM x\n\nRUN").message.contains("line 3"));
  EXPECT_TRUE(error_of("FROM x\nRUN []").message.contains("no command"));
  EXPECT_TRUE(error_of("FROM x\nRUN --timout=5m x").message.contains("--timout"));
  EXPECT_TRUE(error_of("FROM x\nRUN --timeout=5 x").message.contains("timeout"));
}

TEST(DockerfileTest, HereDocumentsOfRun) {
  EXPECT_EQ(shell_of("RUN <<EOF\necho a\n  # not a comment of ours\n\necho b \\\n c\nEOF\n"),
            "echo a\n  # not a comment of ours\n\necho b \\\n c\n");
  EXPECT_EQ(shell_of("RUN python3 <<EOF\nprint(1)\nEOF\n"), "python3 <<EOF\nprint(1)\nEOF\n");
  EXPECT_EQ(shell_of("RUN cat <<A > /a && cat <<-'B' > /b\n1\nA\n\t2\n\tB"),
            "cat <<A > /a && cat <<-'B' > /b\n1\nA\n\t2\n\tB\n");
  EXPECT_EQ(shell_of("RUN <<-EOF\n\t\techo a\n\tEOF\n"), "echo a\n");
  EXPECT_EQ(shell_of("RUN cat << EOF\nx\nEOF"), "cat << EOF\nx\nEOF\n");
  EXPECT_EQ(shell_of("RUN cat <<EOF|tr a b\nx\nEOF"), "cat <<EOF|tr a b\nx\nEOF\n");
  const recipe::Run script = one<recipe::Run>("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF");
  EXPECT_EQ(script.script, "#!/usr/bin/env python3\nprint(1)\n");
  // These are none.
  EXPECT_EQ(shell_of("RUN cat <<< word"), "cat <<< word");
  EXPECT_EQ(shell_of("RUN echo $((1<<2)) $((1 << 2))"), "echo $((1<<2)) $((1 << 2))");
  EXPECT_EQ(shell_of("RUN echo \"<<EOF\""), "echo \"<<EOF\"");
  EXPECT_TRUE(error_of("FROM x\nRUN <<EOF\na\n").message.contains("line 2"));
  EXPECT_TRUE(error_of("FROM x\nRUN <<EOF\nEOF\n").message.contains("empty"));
}

TEST(DockerfileTest, HereDocumentsOfCopy) {
  const Copy copy = one<Copy>(
      "COPY <<robots.txt <<\"humans.txt\" a.txt /usr/share/\n$a\nrobots.txt\n"
      "$b\nhumans.txt\n");
  ASSERT_EQ(copy.files.size(), 2u);
  EXPECT_EQ(copy.files[0].name, "robots.txt");
  EXPECT_EQ(copy.files[0].content, "$a\n");
  EXPECT_TRUE(copy.files[0].expand);
  EXPECT_EQ(copy.files[1].name, "humans.txt");
  EXPECT_FALSE(copy.files[1].expand);
  EXPECT_EQ(copy.sources, Strings{"a.txt"});
  EXPECT_EQ(copy.destination, "/usr/share/");
  EXPECT_TRUE(error_of("FROM x\nCOPY <<a/b /x\n1\na/b").message.contains("a/b"));
  EXPECT_TRUE(
      error_of("FROM x AS a\nFROM x\nCOPY --from=a <<E /x\n1\nE").message.contains("line 3"));
}

TEST(DockerfileTest, CopyAndAdd) {
  const Copy copy = one<Copy>(
      "COPY --chown=55:mygroup --chmod=0644 --link --exclude=*.o --exclude=b "
      "f* $d dir/");
  EXPECT_EQ(copy.sources, (Strings{"f*", "$d"}));
  EXPECT_EQ(copy.destination, "dir/");
  EXPECT_EQ(copy.chown, "55:mygroup");
  EXPECT_EQ(copy.chmod, "0644");
  EXPECT_EQ(copy.exclude, (Strings{"*.o", "b"}));
  EXPECT_EQ(one<Copy>("COPY [\"a b\", \"c d\"]").destination, "c d");
  EXPECT_TRUE(one<Copy>("COPY --parents a/b /x/").keep_parents);
  const std::string sum(64, 'a');
  const Copy add = one<Copy>("ADD --checksum=sha256:" + sum + " https://example.com/a.tar /x");
  EXPECT_EQ(add.kind, Copy::Kind::kAdd);
  EXPECT_EQ(add.sources, Strings{"https://example.com/a.tar"});
  EXPECT_EQ(add.checksum, "sha256:" + sum);
  EXPECT_FALSE(one<Copy>("ADD --unpack=false a.tar /x").unpack);
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"COPY", "needs a source"},
      {"COPY a", "needs a source"},
      {"COPY a b c", "slash"},
      {"COPY \"a b\" c/", "quote"},
      {"COPY --chmod=u+x a b", "mode"},
      {"COPY --from=$x a b", "variables"},
      {"COPY --frm=x a b", "--frm"},
      {"COPY --chown=a --chown=b a b", "twice"},
      {"COPY https://example.com/x /x", "use ADD"},
      {"COPY ${a b", "}"},
      {"COPY --exclude=[a b c", "pattern"},
      {"ADD --checksum=md5:1 https://example.com/a /x", "checksum"},
      {"ADD --from=x a b", "--from"},
      {"ADD https://github.com/a/b.git /x", "git"},
      {"ADD git@github.com:a/b /x", "git"},
      {"ADD https://github.com/a/b.git#main:dir /x", "git"},
  };
  for (const auto& [text, expected] : bad) {
    const auto error = error_of("FROM x\n" + text);
    EXPECT_TRUE(error.to_string().contains(expected)) << text << ": " << error.to_string();
    EXPECT_TRUE(error.message.contains("line 2")) << text << ": " << error.message;
  }
}

TEST(DockerfileTest, Pairs) {
  const std::vector<std::pair<std::string, std::vector<Pair>>> cases = {
      {"ENV a=b", {{"a", "b"}}},
      {"ENV a b c", {{"a", "b c"}}},
      {"ENV a \"b\"  c", {{"a", "\"b\"  c"}}},
      {"ENV a=\"b c\" d=e\\ f g='h'", {{"a", "\"b c\""}, {"d", "e\\ f"}, {"g", "'h'"}}},
      {"ENV a=b \\\n   c=d", {{"a", "b"}, {"c", "d"}}},
      {"ENV a=", {{"a", ""}}},
      {"ENV a==b=c", {{"a", "=b=c"}}},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(one<Env>(text).pairs, expected) << text;
  EXPECT_EQ(one<Label>("LABEL \"com.example\"=\"a b\"").pairs,
            (std::vector<Pair>{{"\"com.example\"", "\"a b\""}}));
  for (const char* bad : {"ENV", "ENV a", "ENV a=b c", "ENV =b", "LABEL", "ENV a=${b"}) {
    EXPECT_TRUE(error_of(base::concat("FROM x\n", bad)).message.contains("line 2")) << bad;
  }
}

TEST(DockerfileTest, OtherInstructions) {
  EXPECT_EQ(one<Workdir>("WORKDIR /a b/$c").path, "/a b/$c");
  EXPECT_EQ(one<User>("USER a:b").name, "a:b");
  EXPECT_EQ(one<Cmd>("CMD [\"a\"]").command, Command::exec({"a"}));
  EXPECT_EQ(one<Cmd>("CMD a && b").command, Command::shell("a && b"));
  EXPECT_EQ(one<Entrypoint>("ENTRYPOINT").command, Command::exec({}));
  EXPECT_EQ(one<Expose>("EXPOSE 80/tcp $p 8000-8010").ports,
            (Strings{"80/tcp", "$p", "8000-8010"}));
  EXPECT_EQ(one<Volume>("VOLUME [\"/a\"]").paths, Strings{"/a"});
  EXPECT_EQ(one<Shell>("SHELL [\"/bin/bash\", \"-c\"]").argv, (Strings{"/bin/bash", "-c"}));
  EXPECT_EQ(one<StopSignal>("STOPSIGNAL SIGKILL").signal, "SIGKILL");
  EXPECT_EQ(one<Arg>("ARG a b=c d=\"e f\"").items.size(), 3u);
  for (const char* bad :
       {"WORKDIR", "USER", "EXPOSE", "SHELL /bin/sh", "SHELL []", "STOPSIGNAL", "ARG", "ARG =x",
        "VOLUME", "USER ${x", "FOO bar", "&& b", "ONBUILD RUN x"}) {
    EXPECT_TRUE(error_of(base::concat("FROM x\n", bad)).message.contains("line 2")) << bad;
  }
  const BuildPlan plan = plan_of("FROM x\nMAINTAINER me\nVOLUME /x\n");
  EXPECT_EQ(plan.warnings.size(), 2u);
  EXPECT_EQ(plan.stages[0].instructions.size(), 1u);
}

TEST(DockerfileTest, AHealthcheckIsAReadyCheck) {
  using namespace std::chrono_literals;
  const auto check = one<Healthcheck>("HEALTHCHECK CMD curl -f http://localhost/ || exit 1").check;
  ASSERT_TRUE(check);
  EXPECT_EQ(check->command, Command::shell("curl -f http://localhost/ || exit 1"));
  EXPECT_EQ(check->interval, 5s);
  EXPECT_EQ(check->timeout, 30s);
  EXPECT_EQ(check->deadline, 4 * 60s);
  const auto own = one<Healthcheck>(
                       "HEALTHCHECK --interval=2s --timeout=3s --start-period=1m "
                       "--retries=1 CMD [\"true\"]")
                       .check;
  ASSERT_TRUE(own);
  EXPECT_EQ(own->interval, 2s);
  EXPECT_EQ(own->start_period, 1min);
  EXPECT_EQ(own->deadline, 70s);
  EXPECT_EQ(own->command, Command::exec({"true"}));
  EXPECT_FALSE(one<Healthcheck>("HEALTHCHECK NONE").check);
  for (const char* bad : {"HEALTHCHECK", "HEALTHCHECK curl", "HEALTHCHECK NONE x",
                          "HEALTHCHECK CMD", "HEALTHCHECK --interval=x CMD a",
                          "HEALTHCHECK --retries=-1 CMD a", "HEALTHCHECK --interval=1us CMD a"}) {
    EXPECT_TRUE(error_of(base::concat("FROM x\n", bad)).message.contains("line 2")) << bad;
  }
}

TEST(DockerfileTest, Stages) {
  const BuildPlan plan = plan_of(
      "ARG V=12\n"
      "FROM golang:$V AS Build\n"
      "RUN make\n"
      "FROM scratch AS data\n"
      "COPY x /x\n"
      "FROM build AS test\n"
      "RUN make test\n"
      "FROM minimal\n"
      "COPY --from=BUILD /a /a\n"
      "COPY --from=1 /x /x\n"
      "COPY --from=nginx:1 /y /y\n");
  ASSERT_EQ(plan.stages.size(), 4u);
  EXPECT_EQ(plan.stages[0].name, "build");
  EXPECT_EQ(plan.stages[0].base.name, "golang:12");
  EXPECT_EQ(plan.stages[0].base.kind, Base::Kind::kExternal);
  EXPECT_EQ(plan.stages[1].base.kind, Base::Kind::kScratch);
  EXPECT_EQ(plan.stages[2].base.kind, Base::Kind::kStage);
  EXPECT_EQ(plan.stages[2].base.stage, 0u);
  EXPECT_EQ(plan.target, 3u);
  EXPECT_EQ(plan.needed, (std::vector<std::size_t>{0, 1, 3}));
  EXPECT_EQ(plan.stages[3].stages_needed(), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(plan.stages[3].images_copied(), Strings{"nginx:1"});
  EXPECT_EQ(plan.steps(), 5u);
}

TEST(DockerfileTest, Targets) {
  const std::string text = "FROM a AS one\nFROM one AS two\nFROM b AS three\n";
  EXPECT_EQ(plan_of(text, {.target = "TWO"}).needed, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(plan_of(text, {.target = "0"}).needed, (std::vector<std::size_t>{0}));
  EXPECT_EQ(plan_of(text).needed, (std::vector<std::size_t>{2}));
  const auto error = error_of(text, {.target = "four"});
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_TRUE(error.remedy.contains("one, two, three"));
}

TEST(DockerfileTest, StagesThatCannotBe) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no FROM"},
      {"# nothing\n", "no FROM"},
      {"RUN x", "before the first FROM"},
      {"FROM", "FROM BASE"},
      {"FROM a b", "FROM BASE"},
      {"FROM a AS", "FROM BASE"},
      {"FROM a AS 1x", "name of a stage"},
      {"FROM a AS scratch", "name of a stage"},
      {"FROM $nothing", "comes to nothing"},
      {"FROM --platform=linux/arm64 a", "platform"},
      {"FROM a AS x\nCOPY --from=x a b", "copies from itself"},
      {"FROM a\nCOPY --from=0 a b", "no earlier stage"},
      {"FROM a\nCOPY --from=later a b\nFROM b AS later", "comes later"},
      {"FROM ${x:?give-x}", "give-x"},
  };
  for (const auto& [text, expected] : cases) {
    const auto error = error_of(text);
    EXPECT_TRUE(error.to_string().contains(expected)) << text << ": " << error.to_string();
  }
  EXPECT_TRUE(parse_dockerfile("FROM --platform=$TARGETPLATFORM a", {}));
  EXPECT_TRUE(parse_dockerfile("FROM --platform=linux/amd64 a", {}));
}

TEST(DockerfileTest, ArgumentsBeforeFrom) {
  const std::string text = "ARG A=1\nARG B=$A-x C\nFROM ${B}:${C:-none}\n";
  EXPECT_EQ(plan_of(text).stages[0].base.name, "1-x:none");
  EXPECT_EQ(plan_of(text, {.build_args = {{"A", "2"}, {"C", "3"}}}).stages[0].base.name, "2-x:3");
  EXPECT_EQ(plan_of("FROM x-$TARGETARCH").stages[0].base.name, "x-amd64");
  // What is declared in a stage is nothing to FROM.
  EXPECT_FALSE(parse_dockerfile("FROM x\nARG A=1\nFROM $A", {}));
}

TEST(DockerfileTest, WarnsOfArgumentsThatNobodyAsksFor) {
  const BuildPlan plan =
      plan_of("ARG a\nFROM x\nARG b",
              {.build_args = {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"HTTP_PROXY", "4"}}});
  ASSERT_EQ(plan.warnings.size(), 1u);
  EXPECT_TRUE(plan.warnings[0].text.contains(" c "));
}

TEST(DockerfileTest, Limits) {
  std::string text;
  for (std::size_t i = 0; i <= kMaxStages; ++i) text += "FROM x\n";
  EXPECT_EQ(error_of(text).code, Code::kResourceExhausted);
  text = "FROM x\n";
  for (std::size_t i = 0; i < kMaxInstructions; ++i) text += "RUN x\n";
  EXPECT_EQ(error_of(text).code, Code::kResourceExhausted);
  EXPECT_EQ(error_of("FROM x\n#" + std::string(kMaxDefinition, 'x')).code,
            Code::kResourceExhausted);
  EXPECT_EQ(error_of("FROM x\nRUN " + std::string(kMaxCommand + 1, 'x')).code,
            Code::kResourceExhausted);
  EXPECT_EQ(error_of(std::string("FROM x\0", 7)).code, Code::kInvalidArgument);
  EXPECT_EQ(error_of("FROM \xff").code, Code::kInvalidArgument);
  std::string wide = "FROM x\nCOPY";
  for (std::size_t i = 0; i <= kMaxWords; ++i) wide += " x";
  EXPECT_EQ(error_of(wide + " y/").code, Code::kResourceExhausted);
}

TEST(BuildPlanTest, TriesGoOnUntilTheDeadlineOrTheLastRetry) {
  using namespace std::chrono_literals;
  ReadyCheck check;
  check.deadline = 10s;
  EXPECT_EQ(pause_before_try(check, 0s, 0), 3s);
  EXPECT_EQ(pause_before_try(check, 7s, 100), 3s);
  EXPECT_EQ(pause_before_try(check, 8s, 0), std::nullopt);
  check.retries = 2;
  EXPECT_EQ(pause_before_try(check, 0s, 2), 3s);
  EXPECT_EQ(pause_before_try(check, 0s, 3), std::nullopt);
  check.start_period = 5s;
  EXPECT_FALSE(failure_counts(check, 4s));
  EXPECT_TRUE(failure_counts(check, 5s));
}

}  // namespace
}  // namespace wrenn::recipe
