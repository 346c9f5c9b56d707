#include "envd/guest/guest_identity.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

TEST(GuestIdentity, Text) {
  EXPECT_TRUE(is_identity_text(""));
  EXPECT_TRUE(is_identity_text("cl-0a_Z.9"));
  EXPECT_FALSE(is_identity_text("a b"));
  EXPECT_FALSE(is_identity_text("a/b"));
  EXPECT_FALSE(is_identity_text(std::string(129, 'a')));
}

TEST(GuestIdentity, Environment) {
  EXPECT_TRUE(identity_env({}).empty());
  const auto env = identity_env({.sandbox_id = "s", .template_id = "t"});
  EXPECT_EQ(env.size(), 6U);
  EXPECT_EQ(env.at("WRENN_SANDBOX_ID"), "s");
  EXPECT_EQ(env.at("E2B_TEMPLATE_ID"), "t");
  EXPECT_EQ(env.at("E2B_SANDBOX"), "true");
}

TEST(GuestIdentity, MachineId) {
  const std::string id = machine_id_of("cl-1");
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(id[12], '4');
  EXPECT_EQ(machine_id_of("cl-1"), id);
  EXPECT_NE(machine_id_of("cl-2"), id);
}

TEST(GuestIdentity, Files) {
  const auto root = base::TempDir::create("/tmp", "envd-test-");
  ASSERT_TRUE(root);
  ASSERT_TRUE(base::make_dirs(root->path() / "etc"));
  const base::Path machine_id = root->path() / "etc/machine-id";
  ASSERT_TRUE(base::write_file_atomic(machine_id, ""));
  ASSERT_TRUE(write_identity({.sandbox_id = "s", .template_id = "t"}, root->path()));
  const auto read = [&](const char* name) {
    return base::read_file(root->path() / name).value_or("missing");
  };
  EXPECT_EQ(read("run/wrenn/.WRENN_SANDBOX"), "true");
  EXPECT_EQ(read("run/wrenn/.WRENN_SANDBOX_ID"), "s");
  EXPECT_EQ(read("run/wrenn/.WRENN_TEMPLATE_ID"), "t");
  EXPECT_EQ(read("run/e2b/.E2B_SANDBOX"), "true");
  EXPECT_EQ(read("run/e2b/.E2B_SANDBOX_ID"), "s");
  EXPECT_EQ(read("run/e2b/.E2B_TEMPLATE_ID"), "t");
  EXPECT_EQ(read("etc/machine-id"), machine_id_of("s") + "\n");
  // It is not empty any more and no mount: it might be the one of a real machine.
  ASSERT_TRUE(write_identity({.sandbox_id = "other", .template_id = ""}, root->path()));
  EXPECT_EQ(read("etc/machine-id"), machine_id_of("s") + "\n");
  EXPECT_EQ(read("run/e2b/.E2B_SANDBOX_ID"), "other");
}

}  // namespace
}  // namespace wrenn::envd
