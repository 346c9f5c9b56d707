#include "db/port_store.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "db/sandbox_store.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;
using enum PortAccess;
using Ports = std::vector<std::uint16_t>;

class PortStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* id : {"cl-a", "cl-b"}) {
      Sandbox sandbox;
      sandbox.id = id;
      sandbox.team_id = kDefaultTeam;
      sandbox.template_name = "minimal";
      ASSERT_TRUE(sandboxes_.insert(sandbox));
    }
  }
  TestDatabase test_;
  SandboxStore sandboxes_{test_.database, test_.clock()};
  PortStore ports_{test_.database};
};

TEST_F(PortStoreTest, APortIsPrivateUntilItIsMadePublic) {
  EXPECT_FALSE(ports_.is_public("cl-a", 3000).value());
  ASSERT_TRUE(ports_.set("cl-a", 3000, kPublic));
  EXPECT_TRUE(ports_.is_public("cl-a", 3000).value());
  EXPECT_FALSE(ports_.is_public("cl-a", 3001).value());
  EXPECT_FALSE(ports_.is_public("cl-b", 3000).value());
  ASSERT_TRUE(ports_.set("cl-a", 3000, kPrivate));
  EXPECT_FALSE(ports_.is_public("cl-a", 3000).value());
}

TEST_F(PortStoreTest, SettingTwiceIsFine) {
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ports_.set("cl-a", 3000, kPublic));
  EXPECT_EQ(ports_.list("cl-a").value(), Ports{3000});
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ports_.set("cl-a", 3000, kPrivate));
  EXPECT_EQ(ports_.list("cl-a").value(), Ports{});
}

TEST_F(PortStoreTest, ListsByNumber) {
  for (const auto port : std::to_array<std::uint16_t>({65535, 1, 8080})) {
    ASSERT_TRUE(ports_.set("cl-a", port, kPublic));
  }
  EXPECT_EQ(ports_.list("cl-a").value(), (Ports{1, 8080, 65535}));
  EXPECT_EQ(ports_.list("cl-b").value(), Ports{});
}

TEST_F(PortStoreTest, TheyGoWithTheirSandbox) {
  for (const auto ending : {SandboxState::kStopped, SandboxState::kError}) {
    const char* id = ending == SandboxState::kStopped ? "cl-a" : "cl-b";
    ASSERT_TRUE(ports_.set(id, 3000, kPublic));
    ASSERT_TRUE(sandboxes_.transition(id, {SandboxState::kPending}, SandboxState::kRunning));
    EXPECT_TRUE(ports_.is_public(id, 3000).value());
    EXPECT_FALSE(sandboxes_.transition(id, {SandboxState::kPaused}, ending).value());
    EXPECT_TRUE(ports_.is_public(id, 3000).value()) << "nothing ended";
    ASSERT_TRUE(sandboxes_.transition(id, {SandboxState::kRunning}, ending).value());
    EXPECT_FALSE(ports_.is_public(id, 3000).value());
    EXPECT_EQ(ports_.set(id, 3000, kPublic).error().code, Code::kNotFound);
  }
}

TEST_F(PortStoreTest, AnUnknownSandboxHasNone) {
  EXPECT_EQ(ports_.set("cl-none", 3000, kPublic).error().code, Code::kNotFound);
  EXPECT_TRUE(ports_.set("cl-none", 3000, kPrivate));
  EXPECT_EQ(ports_.set("cl-a", 0, kPublic).error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace wrenn::db
