#include "base/readiness.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Readiness, WarningsLeaveItReady) {
  Readiness readiness;
  EXPECT_TRUE(readiness.is_ready());
  EXPECT_EQ(readiness.to_json("1.2"), R"({"status":"ready","version":"1.2","checks":[]})");
  readiness.checks.push_back({"database"});
  readiness.checks.push_back({"hosts", CheckStatus::kWarning, "none is \"online\""});
  EXPECT_EQ(readiness.http_status(), 200);
  EXPECT_EQ(readiness.to_json("1.2"),
            R"({"status":"ready","version":"1.2","checks":[{"name":"database","status":"ok"},)"
            R"({"name":"hosts","status":"warning","message":"none is \"online\""}]})");
}

TEST(Readiness, OneFailureIsEnough) {
  const Readiness readiness{{{"disk", CheckStatus::kFailed, "it is full; make room"}, {"other"}}};
  EXPECT_FALSE(readiness.is_ready());
  EXPECT_EQ(readiness.http_status(), 503);
  EXPECT_EQ(readiness.to_json("1"),
            R"({"status":"not_ready","version":"1","checks":[{"name":"disk","status":"failed",)"
            R"("message":"it is full; make room"},{"name":"other","status":"ok"}]})");
}

}  // namespace
}  // namespace wrenn::base
