#include "db/idempotency_store.h"

#include <gtest/gtest.h>

#include "db/sandbox_store.h"
#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

class IdempotencyStoreTest : public testing::Test {
 protected:
  IdempotencyClaim claim(std::string_view key, std::string_view hash, std::string_view sandbox) {
    return store_.claim(kDefaultTeam, key, hash, sandbox).value();
  }
  SandboxStore with_sandbox(std::string id) {
    SandboxStore sandboxes(test_.database, test_.clock());
    Sandbox sandbox;
    sandbox.id = std::move(id);
    sandbox.team_id = kDefaultTeam;
    sandbox.template_name = "minimal";
    EXPECT_TRUE(sandboxes.insert(std::move(sandbox)));
    return sandboxes;
  }
  TestDatabase test_;
  IdempotencyStore store_{test_.database, test_.clock()};
};

TEST_F(IdempotencyStoreTest, TheFirstOneGetsIt) {
  const auto first = claim("k", "h", "cl-a");
  EXPECT_TRUE(first.is_new);
  EXPECT_EQ(first.sandbox_id, "cl-a");
  const auto second = claim("k", "h", "cl-b");
  EXPECT_FALSE(second.is_new);
  EXPECT_EQ(second.sandbox_id, "cl-a");
  EXPECT_TRUE(claim("other", "h", "cl-b").is_new);
}

TEST_F(IdempotencyStoreTest, ItIsForOneRequest) {
  claim("k", "h", "cl-a");
  const auto other = store_.claim(kDefaultTeam, "k", "another", "cl-b");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, base::Code::kInvalidArgument);
}

TEST_F(IdempotencyStoreTest, AfterADayItIsNew) {
  with_sandbox("cl-a");
  claim("k", "h", "cl-a");
  test_.now += 24 * 3600 * std::int64_t{1000};
  EXPECT_FALSE(claim("k", "h", "cl-b").is_new);
  test_.now += 1;
  EXPECT_TRUE(claim("k", "another", "cl-c").is_new);
}

TEST_F(IdempotencyStoreTest, OneThatWasNeverBegunIsGivenUp) {
  claim("k", "h", "cl-a");
  test_.now += 10'000;
  EXPECT_FALSE(claim("k", "h", "cl-b").is_new);
  test_.now += 1;
  EXPECT_TRUE(claim("k", "h", "cl-b").is_new);
}

TEST_F(IdempotencyStoreTest, AFailedCreateMayBeTriedAgain) {
  SandboxStore sandboxes = with_sandbox("cl-a");
  claim("k", "h", "cl-a");
  EXPECT_FALSE(claim("k", "h", "cl-b").is_new);
  ASSERT_TRUE(sandboxes.transition("cl-a", {SandboxState::kPending}, SandboxState::kError).value());
  EXPECT_TRUE(claim("k", "h", "cl-b").is_new);
}

}  // namespace
}  // namespace wrenn::db
