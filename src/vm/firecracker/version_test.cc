#include "vm/firecracker/version.h"

#include <gtest/gtest.h>

namespace wrenn::vm::firecracker {
namespace {

TEST(FirecrackerVersion, WhatTheProgramPrints) {
  EXPECT_EQ(version_in("Firecracker v1.13.1\n\nSupported snapshot data format versions: v7.0.0\n"),
            "1.13.1");
  EXPECT_EQ(version_in("Firecracker v1.17.0-dev\n"), "1.17.0");
  EXPECT_EQ(version_in("v7.0.0\n"), "7.0.0");
  for (const auto* text : {"", "\n", "v", "vv1", "Firecracker", "give v1", "1.2.3", "nav1.2"}) {
    const bool is_word = std::string_view(text) == "give v1";
    EXPECT_EQ(version_in(text), is_word ? "1" : "") << text;
  }
}

TEST(FirecrackerVersion, WhichAreUsed) {
  for (const auto* good : {"1.12.0", "1.12", "1.17.0", "1.99.3"}) {
    EXPECT_TRUE(check_version(good)) << good;
  }
  for (const auto* bad : {"1.11.9", "0.25.2", "2.0.0", "2.1", "3", "", "x"}) {
    const auto refused = check_version(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, base::Code::kFailedPrecondition);
    EXPECT_NE(refused.error().remedy.find("1.12"), std::string::npos);
  }
}

TEST(FirecrackerVersion, WhatTheyCanDo) {
  const auto features = [](std::string_view version) {
    return features_of(*base::Semver::parse(version));
  };
  EXPECT_EQ(features("1.12.1"), (Features{false, false}));
  EXPECT_EQ(features("1.13.0"), (Features{false, true}));
  EXPECT_EQ(features("1.14.0"), (Features{true, true}));
  EXPECT_EQ(features("1.17.0"), (Features{true, true}));
}

TEST(FirecrackerVersion, WhichSnapshotsAreLoaded) {
  EXPECT_TRUE(check_snapshot_format("7.0.0", "7.0.0"));
  EXPECT_TRUE(check_snapshot_format("7.0.5", "7.0.0"));
  EXPECT_TRUE(check_snapshot_format("7.1.0", "7.2.0"));
  for (const auto& [saved, ours] : {std::pair{"7.1.0", "7.0.9"},
                                    {"6.0.0", "7.0.0"},
                                    {"8.0.0", "7.9.0"},
                                    {"", "7.0.0"},
                                    {"7.0.0", ""}}) {
    const auto refused = check_snapshot_format(saved, ours);
    ASSERT_FALSE(refused) << saved << ' ' << ours;
    EXPECT_EQ(refused.error().code, base::Code::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace wrenn::vm::firecracker
