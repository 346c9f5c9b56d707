#include "cli/completion.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::cli {
namespace {

const std::vector<CommandWords> kCommands = {
    {"", {"sandbox", "up"}, {"--help"}},
    {"sandbox", {"create", "ls"}, {"--help"}},
    {"sandbox create", {}, {"--template", "--vcpus"}},
    {"up", {}, {"--detach"}},
};

// What bash offers for a line whose last word is being typed.
std::string complete(const std::string& words, int index) {
  auto dir = base::TempDir::create();
  const base::Path script = dir->path() / "script";
  const base::Path output = dir->path() / "output";
  EXPECT_TRUE(base::write_file_atomic(
      script, base::concat(bash_completion(kCommands), "COMP_WORDS=(", words, ")\nCOMP_CWORD=",
                           index, "\n_wrenn\necho \"${COMPREPLY[*]}\" > ", output.native(), "\n")));
  EXPECT_EQ(std::system(base::concat("bash ", script.native()).c_str()), 0);
  return std::string(base::trim(base::read_file(output).value_or("")));
}

TEST(BashCompletion, FollowsTheCommands) {
  EXPECT_EQ(complete("wrenn s", 1), "sandbox");
  EXPECT_EQ(complete("wrenn sandbox ''", 2), "create ls --help");
  EXPECT_EQ(complete("wrenn sandbox create --v", 3), "--vcpus");
  EXPECT_EQ(complete("wrenn up --", 2), "--detach");
}

TEST(BashCompletion, OffersIdsAndTemplates) {
  const std::string script = bash_completion(kCommands);
  EXPECT_NE(script.find("\"sandbox pause\"|\"sandbox resume\"|\"sandbox hibernate\""),
            std::string::npos);
  EXPECT_NE(script.find("\"template rm\"|\"template tag\"|\"template builds\")"),
            std::string::npos);
  EXPECT_NE(script.find("\"template logs\"|\"template cancel\")"), std::string::npos);
}

TEST(FishCompletion, NamesEveryCommand) {
  const std::string script = fish_completion(kCommands);
  EXPECT_NE(script.find("-a 'create ls'"), std::string::npos);
  EXPECT_NE(script.find("__wrenn_in sandbox hibernate' -a '(__wrenn_ids)'"), std::string::npos);
  EXPECT_NE(script.find("-l template"), std::string::npos);
}

}  // namespace
}  // namespace wrenn::cli
