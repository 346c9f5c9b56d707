#include "cli/config.h"

#include <sys/stat.h>

#include <map>

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

class ConfigTest : public testing::Test {
 protected:
  Environment environment() {
    return [this](const char* name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end() || found->second.empty()) return std::nullopt;
      return found->second;
    };
  }
  base::Result<Settings> load() { return load_settings(flags_, environment()); }
  void write_file() { ASSERT_TRUE(write_config(file_, {"http://file", base::Secret("key-file")})); }

  base::TempDir dir_ = std::move(*base::TempDir::create());
  base::Path file_ = dir_.path() / "home/.config/wrenn/config.json";
  std::map<std::string, std::string> variables_ = {{"HOME", (dir_.path() / "home").native()}};
  Flags flags_;
};

TEST_F(ConfigTest, FlagsWinOverEnvironmentOverFile) {
  write_file();
  EXPECT_EQ(load()->api_url, "http://file");
  EXPECT_EQ(load()->api_key.reveal(), "key-file");
  variables_["WRENN_API_URL"] = "http://env";
  variables_["WRENN_API_KEY"] = " e2b_env\n";
  EXPECT_EQ(load()->api_url, "http://env");
  EXPECT_EQ(load()->api_key.reveal(), "e2b_env");
  flags_.api_url = "http://flag";
  EXPECT_EQ(load()->api_url, "http://flag");
  EXPECT_EQ(load()->api_key.reveal(), "e2b_env");
}

TEST_F(ConfigTest, EachValueComesFromItsOwnPlace) {
  write_file();
  variables_["WRENN_API_KEY"] = "key-env";
  EXPECT_EQ(load()->api_url, "http://file");
  EXPECT_EQ(load()->api_key.reveal(), "key-env");
}

TEST_F(ConfigTest, SaysWhatToDoWithoutAnyConfiguration) {
  const auto settings = load();
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().message, "no API address is configured");
  EXPECT_NE(settings.error().remedy.find("wrenn up"), std::string::npos);
  EXPECT_NE(settings.error().remedy.find("WRENN_API_URL"), std::string::npos);
}

TEST_F(ConfigTest, AFileThatWasNamedMustExist) {
  variables_["WRENN_CONFIG"] = (dir_.path() / "none.json").native();
  EXPECT_EQ(load().error().code, base::Code::kNotFound);
}

TEST_F(ConfigTest, ABrokenFileMattersOnlyWhenItIsNeeded) {
  write_file();
  ASSERT_TRUE(base::write_file_atomic(file_, "{"));
  EXPECT_EQ(load().error().code, base::Code::kInvalidArgument);
  flags_.api_url = "http://flag";
  flags_.api_key = "key-flag";
  EXPECT_TRUE(load().has_value());
}

TEST_F(ConfigTest, PlacesOfTheFile) {
  EXPECT_EQ(config_path(flags_, environment()), file_);
  variables_["XDG_CONFIG_HOME"] = "/xdg";
  EXPECT_EQ(config_path(flags_, environment()), "/xdg/wrenn/config.json");
  variables_["WRENN_CONFIG"] = "/env.json";
  EXPECT_EQ(config_path(flags_, environment()), "/env.json");
  flags_.config = "/flag.json";
  EXPECT_EQ(config_path(flags_, environment()), "/flag.json");
}

TEST_F(ConfigTest, OnlyTheOwnerReadsTheFile) {
  write_file();
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  ASSERT_EQ(::stat(file_.parent_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
}

}  // namespace
}  // namespace wrenn::cli
