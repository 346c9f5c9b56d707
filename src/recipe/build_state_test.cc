#include "recipe/build_state.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "recipe/dockerfile.h"
#include "recipe/wrenn_recipe.h"

namespace wrenn::recipe {
namespace {

using Strings = std::vector<std::string>;

struct Built {
  BuildState state;
  std::vector<Action> actions;
  std::string error;
};

Built walk(const BuildPlan& plan, const Stage& stage, BuildState state) {
  Built out{std::move(state), {}, {}};
  for (const Instruction& instruction : stage.instructions) {
    auto action = out.state.apply(instruction);
    if (!action) {
      out.error = action.error().to_string();
      break;
    }
    out.actions.push_back(std::move(*action));
  }
  EXPECT_FALSE(plan.stages.empty());
  return out;
}

// The target of a Dockerfile, on a base with this configuration.
Built build(std::string_view text, const BuildOptions& options = {}, const ImageConfig& base = {}) {
  auto plan = parse_dockerfile(text, options);
  if (!plan) {
    ADD_FAILURE() << text << "\n" << plan.error().to_string();
    return {BuildState::begin({}, {}), {}, "no plan"};
  }
  const Stage& stage = plan->stages[plan->target];
  if (stage.base.kind == Base::Kind::kStage) {
    const Stage& below = plan->stages[stage.base.stage];
    const Built earlier = walk(*plan, below, BuildState::begin(*plan, base));
    return walk(*plan, stage, BuildState::continue_from(earlier.state));
  }
  return walk(*plan, stage, BuildState::begin(*plan, base));
}

template <class T>
T last(const Built& built) {
  EXPECT_EQ(built.error, "");
  if (built.actions.empty() || !std::holds_alternative<T>(built.actions.back())) {
    ADD_FAILURE() << "another action";
    return {};
  }
  return std::get<T>(built.actions.back());
}

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "(unset)" : found->second;
}

// The value of `name` in the environment of the last RUN.
std::string seen_by_run(const Built& built, const std::string& name) {
  return variable(last<Execute>(built).process.environment, name);
}

TEST(BuildStateTest, ARunHasWhatIsSetSoFar) {
  const Execute run =
      last<Execute>(build("FROM x\nENV A=1\nWORKDIR /w\nUSER app\nRUN --timeout=5m echo $A"));
  EXPECT_EQ(run.process.argv, (Strings{"/bin/sh", "-c", "echo $A"}));
  EXPECT_EQ(run.process.workdir, "/w");
  EXPECT_EQ(run.process.user, "app");
  EXPECT_EQ(run.timeout, std::chrono::minutes(5));
  EXPECT_EQ(run.process.environment,
            (Environment{{"A", "1"}, {"PATH", std::string(kDefaultPath)}}));
  const Execute plain = last<Execute>(build("FROM x\nRUN [\"a\", \"$b\"]"));
  EXPECT_EQ(plain.process.argv, (Strings{"a", "$b"}));
  EXPECT_EQ(plain.process.user, "root");
  EXPECT_EQ(plain.process.workdir, "/");
  const Execute bash = last<Execute>(build("FROM x\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN a"));
  EXPECT_EQ(bash.process.argv, (Strings{"/bin/bash", "-ec", "a"}));
  const Execute script = last<Execute>(build("FROM x\nRUN <<E\n#!/bin/x\nE"));
  EXPECT_EQ(script.process.argv, Strings{std::string(kScriptPath)});
  EXPECT_EQ(script.script, "#!/bin/x\n");
}

TEST(BuildStateTest, AnEnvSeesWhatWasBeforeIt) {
  const Built built = build("FROM x\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\nRUN x");
  EXPECT_EQ(seen_by_run(built, "def"), "hello");
  EXPECT_EQ(seen_by_run(built, "ghi"), "bye");
}

TEST(BuildStateTest, TheBaseIsSeenToo) {
  ImageConfig base;
  base.environment = {{"PATH", "/opt/bin"}, {"V", "1"}};
  base.user = "app";
  base.workdir = "/srv";
  const Execute run =
      last<Execute>(build("FROM x\nENV PATH=\"/my bin\":$PATH W=${V}2\nRUN x", {}, base));
  EXPECT_EQ(variable(run.process.environment, "PATH"), "/my bin:/opt/bin");
  EXPECT_EQ(variable(run.process.environment, "W"), "12");
  EXPECT_EQ(run.process.user, "app");
  EXPECT_EQ(run.process.workdir, "/srv");
}

TEST(BuildStateTest, Arguments) {
  const BuildOptions given{.build_args = {{"A", "given"}}};
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A=1\nRUN x"), "A"), "1");
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A=1\nRUN x", given), "A"), "given");
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A\nRUN x"), "A"), "(unset)");
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A\nRUN x", given), "A"), "given");
  EXPECT_EQ(seen_by_run(build("FROM x\nRUN x", given), "A"), "(unset)");
  // The global value is there for the asking.
  EXPECT_EQ(seen_by_run(build("ARG A=g\nFROM x\nRUN x"), "A"), "(unset)");
  EXPECT_EQ(seen_by_run(build("ARG A=g\nFROM x\nARG A\nRUN x"), "A"), "g");
  EXPECT_EQ(seen_by_run(build("ARG A=g\nFROM x\nARG A=s\nRUN x"), "A"), "s");
  EXPECT_EQ(seen_by_run(build("FROM x\nARG TARGETARCH\nRUN x"), "TARGETARCH"), "amd64");
  // ENV goes before ARG.
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A=1\nENV A=2\nRUN x", given), "A"), "2");
  EXPECT_EQ(seen_by_run(build("FROM x\nENV A=2\nARG A=1\nRUN x", given), "A"), "2");
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A=1\nENV B=${A:-3}\nRUN x"), "B"), "1");
  // An argument may use another.
  EXPECT_EQ(seen_by_run(build("FROM x\nARG A=1\nARG B=$A$A\nRUN x"), "B"), "11");
}

TEST(BuildStateTest, ArgumentsDoNotBecomePartOfTheTemplate) {
  const Built built = build("FROM x\nARG A=1\nENV B=$A");
  EXPECT_FALSE(built.state.config().environment.contains("A"));
  EXPECT_EQ(built.state.config().environment.at("B"), "1");
}

TEST(BuildStateTest, AStageGoesOnWhereAnotherEnded) {
  const Built built = build("FROM x AS a\nARG A=1\nENV B=2\nWORKDIR /w\nFROM a\nRUN x");
  EXPECT_EQ(seen_by_run(built, "A"), "1");
  EXPECT_EQ(seen_by_run(built, "B"), "2");
  EXPECT_EQ(last<Execute>(built).process.workdir, "/w");
}

TEST(BuildStateTest, ProxiesReachCommandsUnasked) {
  const BuildOptions given{.build_args = {{"HTTP_PROXY", "p"}}};
  const Execute run = last<Execute>(build("FROM x\nRUN x", given));
  EXPECT_EQ(variable(run.process.environment, "HTTP_PROXY"), "p");
  EXPECT_TRUE(run.not_in_key.contains("HTTP_PROXY"));
  const Execute declared = last<Execute>(build("FROM x\nARG HTTP_PROXY\nRUN x", given));
  EXPECT_EQ(variable(declared.process.environment, "HTTP_PROXY"), "p");
  EXPECT_TRUE(declared.not_in_key.empty());
}

TEST(BuildStateTest, Directories) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"WORKDIR /a", "/a"},
      {"WORKDIR /a\nWORKDIR b\nWORKDIR c", "/a/b/c"},
      {"WORKDIR a/../b/./c//", "/b/c"},
      {"WORKDIR ../../x", "/x"},
      {"ENV D=/path\nWORKDIR $D/$N", "/path"},
      {"WORKDIR /a b", "/a b"},
      {"WORKDIR \"/a b\"", "/a b"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(last<MakeDirectory>(build("FROM x\n" + text)).path, expected) << text;
  }
  EXPECT_EQ(last<MakeDirectory>(build("FROM x\nUSER app\nWORKDIR /a")).owner, "app");
  EXPECT_TRUE(build("FROM x\nWORKDIR $none").error.contains("line 2"));
}

TEST(BuildStateTest, Copies) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"COPY a /b", "/b"},           {"COPY a b", "/w/b"}, {"COPY a b/", "/w/b/"},
      {"COPY a .", "/w/"},           {"COPY a ./", "/w/"}, {"COPY a ..", "/"},
      {"COPY a b c/../d/", "/w/d/"}, {"COPY a /", "/"},    {"ENV D=/x/\nCOPY a b $D", "/x/"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(last<CopyFiles>(build("FROM x\nWORKDIR /w\n" + text)).copy.destination, expected)
        << text;
  }
  const CopyFiles plain =
      last<CopyFiles>(build("FROM x\nUSER app\nENV s=src\nCOPY $s/*.c \\$s /x/"));
  EXPECT_EQ(plain.copy.sources, (Strings{"src/*.c", "$s"}));
  EXPECT_EQ(plain.owner, "0:0");
  EXPECT_EQ(last<CopyFiles>(build("FROM x\nARG u=a:b\nCOPY --chown=$u a b")).owner, "a:b");
  const CopyFiles add = last<CopyFiles>(build("FROM x\nENV u=https://h\nADD $u/x local /d/"));
  EXPECT_EQ(add.urls, Strings{"https://h/x"});
  EXPECT_EQ(add.copy.sources, Strings{"local"});
  const CopyFiles here =
      last<CopyFiles>(build("FROM x\nENV v=1\nCOPY <<A <<\"B\" /d/\n'$v'\nA\n$v\nB"));
  EXPECT_EQ(here.copy.files[0].content, "'1'\n");
  EXPECT_EQ(here.copy.files[1].content, "$v\n");
  for (const char* bad : {"ENV D=/x\nCOPY a b $D", "COPY $none x", "COPY --chown=$none/x a b",
                          "ENV m=u+x\nCOPY --chmod=$m a b", "ENV u=git@h:x\nADD $u /x",
                          "ENV c=1\nADD --checksum=$c https://h/x /x", "COPY --chown=-x a b"}) {
    EXPECT_NE(build(base::concat("FROM x\n", bad)).error, "") << bad;
  }
}

TEST(BuildStateTest, UsersArePlainNames) {
  EXPECT_EQ(build("FROM x\nENV u=me\nUSER ${u}:1000").state.config().user, "me:1000");
  for (const char* bad : {"USER -x", "USER a b", "USER a:", "USER a:b:c", "USER a;b"}) {
    EXPECT_TRUE(build(base::concat("FROM x\n", bad)).error.contains("line 2")) << bad;
  }
}

std::string started(std::string_view text, const ImageConfig& base = {}) {
  const auto process = build(base::concat("FROM x\n", text), {}, base).state.start_process();
  return process ? command_line(process->argv) : "(none)";
}

TEST(BuildStateTest, EntryPointAndCommandAreOne) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "(none)"},
      {"CMD [\"a\", \"b c\"]", "a 'b c'"},
      {"CMD a $b", "/bin/sh -c 'a $b'"},
      {"ENTRYPOINT [\"e\"]", "e"},
      {"ENTRYPOINT [\"e\"]\nCMD [\"c\"]", "e c"},
      {"CMD [\"c\"]\nENTRYPOINT [\"e\"]", "e c"},
      {"ENTRYPOINT [\"e\"]\nCMD c d", "e /bin/sh -c 'c d'"},
      {"ENTRYPOINT e it's\nCMD [\"c\"]", "/bin/sh -c 'e it'\\''s'"},
      {"CMD a\nCMD b", "/bin/sh -c b"},
      {"CMD a\nCMD []", "(none)"},
      {"ENTRYPOINT [\"e\"]\nENTRYPOINT []\nCMD [\"c\"]", "c"},
      {"SHELL [\"/bin/bash\", \"-c\"]\nCMD a\nSHELL [\"/bin/zsh\", \"-c\"]", "/bin/bash -c a"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(started(text), expected) << text;
  ImageConfig base;
  base.cmd = Command::exec({"base"});
  EXPECT_EQ(started("", base), "base");
  EXPECT_EQ(started("CMD [\"c\"]", base), "c");
  // An entry point takes the base's command back.
  EXPECT_EQ(started("ENTRYPOINT [\"e\"]", base), "e");
  base.entrypoint = Command::exec({"e"});
  EXPECT_EQ(started("CMD [\"c\"]", base), "e c");
  EXPECT_EQ(started("ENTRYPOINT []", base), "(none)");
}

TEST(BuildStateTest, TheStartIsAsTheTemplateIs) {
  const auto process =
      build("FROM x\nARG A=1\nENV B=2\nCMD [\"c\"]\nUSER u\nWORKDIR /w").state.start_process();
  ASSERT_TRUE(process);
  EXPECT_EQ(process->user, "u");
  EXPECT_EQ(process->workdir, "/w");
  EXPECT_FALSE(process->environment.contains("A"));
  EXPECT_EQ(process->environment.at("B"), "2");
}

TEST(BuildStateTest, WhatIsOnlyNoted) {
  const Built built = build(
      "FROM x\nENV p=9000 v='a b'\nEXPOSE 80 53/UDP $p-9010\nLABEL a=\"$v\" b='$v'\n"
      "STOPSIGNAL SIGINT\nVOLUME /d/ e\nHEALTHCHECK CMD true");
  ASSERT_EQ(built.error, "");
  const ImageConfig& config = built.state.config();
  EXPECT_EQ(config.exposed, (std::set<std::string>{"80/tcp", "53/udp", "9000-9010/tcp"}));
  EXPECT_EQ(config.labels, (std::map<std::string, std::string>{{"a", "a b"}, {"b", "$v"}}));
  EXPECT_EQ(config.stop_signal, "SIGINT");
  EXPECT_EQ(config.volumes, (std::set<std::string>{"/d", "/e"}));
  EXPECT_EQ(built.state.ready_process()->argv, (Strings{"/bin/sh", "-c", "true"}));
  EXPECT_FALSE(build("FROM x\nHEALTHCHECK CMD true\nHEALTHCHECK NONE").state.ready_process());
  for (const char* bad :
       {"EXPOSE 0", "EXPOSE 70000", "EXPOSE 80/icmp", "EXPOSE 9-8", "EXPOSE x", "STOPSIGNAL a;b"}) {
    EXPECT_TRUE(build(base::concat("FROM x\n", bad)).error.contains("line 2")) << bad;
  }
}

TEST(BuildStateTest, AnErrorChangesNothing) {
  Built built = build("FROM x\nENV A=1");
  Instruction bad{{7, ""}, Env{{{"A", "2"}, {"B", "${A:?}"}, {"C", "${none:?}"}}}, Phase::kBuild};
  const auto result = built.state.apply(bad);
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().message.starts_with("line 7"));
  EXPECT_EQ(built.state.config().environment.at("A"), "1");
  EXPECT_FALSE(built.state.config().environment.contains("B"));
}

TEST(BuildStateTest, TheEnvironmentDoesNotGrowWithoutBound) {
  std::string text = "FROM x\nENV A=" + std::string(1000, 'x') + "\n";
  for (int i = 0; i < 100; ++i) text += "ENV A=$A$A\n";
  EXPECT_TRUE(build(text).error.contains("longer than"));
  text = "FROM x\nENV A=" + std::string(60'000, 'x') + "\n";
  for (int i = 0; i < 10; ++i) text += base::concat("ENV A", i, "=$A\n");
  EXPECT_TRUE(build(text).error.contains("environment"));
}

Built build_recipe(const Strings& lines, Phases phases = Phases::kNone, ImageConfig base = {}) {
  auto plan = parse_recipe(lines, {.phases = phases});
  if (!plan) {
    ADD_FAILURE() << plan.error().to_string();
    return {BuildState::begin({}, {}), {}, "no plan"};
  }
  return walk(*plan, plan->stages[0], BuildState::begin(*plan, std::move(base)));
}

TEST(BuildStateTest, ARecipe) {
  const Built built = build_recipe({"USER ada", "WORKDIR /srv/$x", "ENV A=a b $$ ${HOME}",
                                    "COPY a b d", "START sleep 9", "RUN echo $A"});
  ASSERT_EQ(built.error, "");
  EXPECT_EQ(std::get<EnsureUser>(built.actions[0]).name, "ada");
  EXPECT_EQ(std::get<MakeDirectory>(built.actions[1]).path, "/srv/$x");
  EXPECT_EQ(std::get<MakeDirectory>(built.actions[1]).owner, "root");
  const auto& copy = std::get<CopyFiles>(built.actions[3]);
  EXPECT_EQ(copy.owner, "ada");
  EXPECT_EQ(copy.copy.destination, "/srv/$x/d/");
  EXPECT_EQ(std::get<Launch>(built.actions[4]).process.argv, (Strings{"/bin/sh", "-c", "sleep 9"}));
  const Execute run = last<Execute>(built);
  EXPECT_EQ(variable(run.process.environment, "A"), "a b $ /home/ada");
  EXPECT_EQ(variable(run.process.environment, "HOME"), "/home/ada");
  EXPECT_EQ(run.process.user, "ada");
}

TEST(BuildStateTest, WhatIsAroundARecipeLeavesItsUserAlone) {
  const Built built = build_recipe({"RUN id"}, Phases::kAround);
  ASSERT_EQ(built.error, "");
  ASSERT_EQ(built.actions.size(), 8u);
  EXPECT_EQ(std::get<Execute>(built.actions[0]).process.user, "root");
  const auto& run = std::get<Execute>(built.actions[3]).process;
  EXPECT_EQ(run.user, kRecipeUser);
  EXPECT_EQ(run.workdir, "/home/wrenn-user");
  const auto& after = std::get<Execute>(built.actions[7]).process;
  EXPECT_EQ(after.user, "root");
  EXPECT_EQ(after.environment.at("HOME"), "/root");
  EXPECT_EQ(built.state.config().user, kRecipeUser);
  EXPECT_EQ(built.state.config().environment.at("HOME"), "/home/wrenn-user");
}

TEST(BuildStateTest, ALoginIsNotHandedOn) {
  EXPECT_EQ(
      lasting_environment({{"HOME", "/x"}, {"A", "1"}, {"_", "x"}, {"WRENN_SANDBOX_ID", "cl-1"}}),
      (Environment{{"A", "1"}}));
}

}  // namespace
}  // namespace wrenn::recipe
