#include "cli/build_request.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "cli/json_text.h"

namespace wrenn::cli {
namespace {

using recipe::Dialect;

class FindDefinition : public testing::Test {
 protected:
  void write(const char* name, std::string_view text = "FROM minimal\n") {
    ASSERT_TRUE(base::write_file_atomic(dir_.path() / name, text));
  }
  base::Result<DefinitionFile> find(BuildOptions options = {}) {
    options.path = dir_.path().native();
    return find_definition(options);
  }
  base::TempDir dir_ = base::TempDir::create().value();
};

TEST_F(FindDefinition, PrefersADockerfile) {
  EXPECT_EQ(find().error().code, base::Code::kNotFound);
  write("wrenn.recipe", "RUN true\n");
  EXPECT_EQ(find()->dialect, Dialect::kRecipe);
  write("Dockerfile");
  EXPECT_EQ(find()->dialect, Dialect::kDockerfile);
  EXPECT_EQ(find()->text, "FROM minimal\n");
  EXPECT_EQ(find({.is_recipe = true})->text, "RUN true\n");
}

TEST_F(FindDefinition, TakesTheOneThatIsNamed) {
  write("x.recipefile", "RUN true\n");
  write("x.docker");
  const auto path = [&](const char* name) { return (dir_.path() / name).native(); };
  EXPECT_EQ(find({.file = path("x.recipefile")})->dialect, Dialect::kRecipe);
  EXPECT_EQ(find({.file = path("x.docker")})->dialect, Dialect::kDockerfile);
  EXPECT_EQ(find({.file = path("x.docker"), .is_recipe = true})->dialect, Dialect::kRecipe);
  EXPECT_EQ(find({.file = path("missing")}).error().code, base::Code::kNotFound);
}

TEST(FindDefinitionIn, WantsADirectory) {
  EXPECT_EQ(find_definition({.path = "https://example.com/x.git"}).error().code,
            base::Code::kInvalidArgument);
}

TEST(NameToBuild, IsThatOfTheDirectoryUnlessGiven) {
  const auto dir = base::TempDir::create();
  ASSERT_TRUE(dir);
  ASSERT_TRUE(base::make_dirs(dir->path() / "my app"));
  ASSERT_TRUE(base::make_dirs(dir->path() / "app"));
  const auto name_of = [&](const char* path, std::string name = {}) {
    return name_to_build({.path = (dir->path() / path).native(), .name = std::move(name)});
  };
  EXPECT_EQ(name_of("app").value(), (TemplateReference{"app", "latest", 0}));
  EXPECT_EQ(name_of("app/.").value().name, "app");
  EXPECT_EQ(name_of("app/../app/").value().name, "app");
  EXPECT_EQ(name_of("my app").error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(name_of("my app", "web:v1").value(), (TemplateReference{"web", "v1", 0}));
  EXPECT_FALSE(name_of("app", "web@3"));
  EXPECT_FALSE(name_of("app", "we b"));
}

TEST(BuildArgs, MayComeFromTheEnvironment) {
  const Environment environment = [](const char* name) {
    return std::string_view(name) == "HERE" ? std::optional<std::string>("yes") : std::nullopt;
  };
  EXPECT_EQ(parse_build_args({"A=1", "B=", "A=x=y", "HERE", "MISSING"}, environment).value(),
            (recipe::Environment{{"A", "x=y"}, {"B", ""}, {"HERE", "yes"}}));
  for (const char* word : {"", "=1", "A=\xff"}) {
    EXPECT_FALSE(parse_build_args({word}, environment)) << word;
  }
}

TEST(CheckOptions, EachBelongsToItsDialect) {
  EXPECT_TRUE(check_options({.build_args = {"A=1"}, .target = "x"}, Dialect::kDockerfile));
  EXPECT_TRUE(check_options({.base = "x", .no_pre_post = true}, Dialect::kRecipe));
  EXPECT_FALSE(check_options({.build_args = {"A=1"}}, Dialect::kRecipe));
  EXPECT_FALSE(check_options({.target = "x"}, Dialect::kRecipe));
  EXPECT_FALSE(check_options({.base = "x"}, Dialect::kDockerfile));
  EXPECT_FALSE(check_options({.no_pre_post = true}, Dialect::kDockerfile));
  EXPECT_TRUE(check_options({.ready_check = "--interval=1s curl localhost"}, Dialect::kRecipe));
  EXPECT_FALSE(check_options({.ready_check = "--interval=soon curl"}, Dialect::kRecipe));
}

base::Result<recipe::BuildPlan> plan(Dialect dialect, std::string text, std::string target = {}) {
  return plan_of({.path = "dir/File", .dialect = dialect, .text = std::move(text)},
                 {.target = std::move(target)}, {});
}

TEST(PlanOf, ErrorsNameFileAndLine) {
  const auto docker = plan(Dialect::kDockerfile, "FROM minimal\nRUN true\nRNU x\n");
  ASSERT_FALSE(docker);
  EXPECT_TRUE(docker.error().message.starts_with("dir/File: line 3: ")) << docker.error().message;
  const auto recipe = plan(Dialect::kRecipe, "# comment\nFROM x\n");
  ASSERT_FALSE(recipe);
  EXPECT_TRUE(recipe.error().message.starts_with("dir/File: line 2: ")) << recipe.error().message;
}

TEST(CopiesFromContext, LooksAtNeededStagesOnly) {
  const auto copies = [](std::string text, std::string target = {}) {
    const auto read = plan(Dialect::kDockerfile, std::move(text), std::move(target));
    EXPECT_TRUE(read) << read.error().message;
    return copies_from_context(*read);
  };
  EXPECT_FALSE(copies("FROM minimal\nRUN true\n"));
  EXPECT_TRUE(copies("FROM minimal\nCOPY a /a\n"));
  EXPECT_FALSE(copies("FROM minimal\nADD https://example.com/a /a\n"));
  EXPECT_TRUE(copies("FROM minimal\nADD a https://example.com/a /x/\n"));
  EXPECT_FALSE(copies("FROM minimal\nCOPY <<EOF /a\nhello\nEOF\n"));
  const std::string stages =
      "FROM minimal AS first\nCOPY a /a\n"
      "FROM minimal AS second\nRUN true\n"
      "FROM minimal AS third\nCOPY --from=second /a /a\n"
      "FROM minimal\nCOPY --from=first /a /a\n";
  EXPECT_FALSE(copies(stages, "second"));
  EXPECT_FALSE(copies(stages, "third"));
  EXPECT_TRUE(copies(stages));
  const auto recipe = plan(Dialect::kRecipe, "COPY a b\n");
  ASSERT_TRUE(recipe);
  EXPECT_TRUE(copies_from_context(*recipe));
}

TEST(RequestBody, HasWhatWasSaidAndNothingElse) {
  const DefinitionFile docker{.path = "D", .text = "FROM minimal\n"};
  EXPECT_EQ(request_body(docker, {}, {"app", "latest", 0}, {}, "").value(),
            R"({"name":"app","tag":"latest","dockerfile":"FROM minimal\n"})");
  const BuildOptions options{.target = "run",
                             .vcpus = 2,
                             .memory_mb = 1024,
                             .disk_mb = 2048,
                             .start_command = "./server",
                             .ready_check = "curl localhost",
                             .no_cache = true};
  EXPECT_EQ(request_body(docker, options, {"app", "v1", 0}, {{"A", "1"}}, "abc").value(),
            R"({"name":"app","tag":"v1","dockerfile":"FROM minimal\n","build_args":{"A":"1"},)"
            R"("target":"run","context":"abc","vcpus":2,"memory_mb":1024,"disk_mb":2048,)"
            R"("start_command":"./server","ready_check":"curl localhost","no_cache":true})");
}

TEST(RequestBody, RecipesKeepTheNumbersOfTheirLines) {
  const DefinitionFile file{.path = "x.recipe",
                            .dialect = Dialect::kRecipe,
                            .text = "\xef\xbb\xbf# first\r\n\r\nRUN a \\\r\n  b\r\n\n\n"};
  EXPECT_EQ(request_body(file, {.base = "mine", .no_pre_post = true}, {"app", "latest", 0}, {}, "")
                .value(),
            R"({"name":"app","tag":"latest","recipe":["# first","","RUN a \\","  b"],)"
            R"("base_template":"mine","skip_pre_post":true})");
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "# line\n";
  const DefinitionFile longer{.path = "x.recipe", .dialect = Dialect::kRecipe, .text = text};
  EXPECT_EQ(request_body(longer, {}, {"app", "latest", 0}, {}, "").error().code,
            base::Code::kResourceExhausted);
}

}  // namespace
}  // namespace wrenn::cli
