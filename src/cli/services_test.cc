#include "cli/services.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(Services, AreReadFromWhatSystemctlSays) {
  const auto runs =
      parse_service_state("LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n");
  EXPECT_TRUE(runs.is_installed && runs.is_active && runs.starts_at_boot);
  const auto starts =
      parse_service_state("LoadState=loaded\nActiveState=activating\nUnitFileState=disabled\n");
  EXPECT_TRUE(starts.is_installed && starts.is_active);
  EXPECT_FALSE(starts.starts_at_boot);
  EXPECT_FALSE(parse_service_state("LoadState=loaded\nActiveState=failed\n").is_active);
  const auto missing = parse_service_state("LoadState=not-found\nActiveState=inactive\n");
  EXPECT_FALSE(missing.is_installed || missing.is_active || missing.starts_at_boot);
  const auto nonsense = parse_service_state("Failed to connect to bus\n=\n");
  EXPECT_FALSE(nonsense.is_installed || nonsense.is_active);
}

TEST(Services, SettingsMustBeRootsAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can own them";
  const auto dir = base::TempDir::create().value();
  EXPECT_EQ(check_settings_files(dir.path()).front().verdict, Verdict::kFail);  // Missing.
  for (const char* file : {"agent.env", "control-plane.env"}) {
    ASSERT_TRUE(base::write_file_atomic(dir.path() / file, "", 0640));
  }
  for (const auto& check : check_settings_files(dir.path())) {
    EXPECT_EQ(check.verdict, Verdict::kOk) << check.detail;
  }
  ASSERT_EQ(::chmod((dir.path() / "agent.env").c_str(), 0644), 0);
  ASSERT_EQ(::chown((dir.path() / "control-plane.env").c_str(), 12345, 0), 0);
  for (const auto& check : check_settings_files(dir.path())) {
    EXPECT_EQ(check.verdict, Verdict::kFail) << check.detail;
    EXPECT_TRUE(check.remedy.contains("chmod 640"));
  }
}

}  // namespace
}  // namespace wrenn::cli
