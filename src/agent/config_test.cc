#include "agent/config.h"

#include <limits>

#include <gtest/gtest.h>

#include "agent/doctor.h"
#include "agent/vm_place.h"

namespace wrenn::agent {
namespace {

TEST(AgentConfig, EverySlotOfEveryInstallationHasAUserOfItsOwn) {
  const AgentConfig one("/var/lib/wrenn");
  const AgentConfig two("/srv/other");
  EXPECT_NE(one.sandbox_uid(1), one.sandbox_uid(2));
  EXPECT_NE(one.sandbox_uid(1), two.sandbox_uid(1));
  EXPECT_EQ(one.sandbox_uid(hostnet::kMaxSlot) - one.sandbox_uid(0), hostnet::kMaxSlot);
}

TEST(AgentConfig, UsersAreBeyondThoseOfTheMachineAndWithinTheKernelsLimit) {
  constexpr uid_t kNobody = 65534;
  for (const char* dir : {"/a", "/b", "/c", "/var/lib/wrenn", "/tmp/x/.wrenn"}) {
    const AgentConfig config{base::Path(dir)};
    EXPECT_GT(config.sandbox_uid(0), kNobody);
    // The kernel refuses -1, and nothing may wrap around.
    EXPECT_LT(config.sandbox_uid(0),
              std::numeric_limits<uid_t>::max() - 2 * (hostnet::kMaxSlot + 1));
    EXPECT_TRUE(kControlPlaneUid < config.sandbox_uid(0) ||
                kControlPlaneUid > config.sandbox_uid(hostnet::kMaxSlot));
  }
}

TEST(Shape, NameTellsShapesApart) {
  EXPECT_EQ(Shape().name(), "1cpu-512mb-5120mb");
  EXPECT_NE((Shape{1, 512, 5120}.name()), (Shape{2, 512, 5120}.name()));
}

TEST(Doctor, JsonCarriesEveryCheck) {
  const std::string json = to_json({{"a", CheckStatus::kOk, "fine", ""},
                                    {"b", CheckStatus::kWarn, "so \"so\"", "do this"},
                                    {"c", CheckStatus::kFail, "bad", "do that"}});
  EXPECT_EQ(json, R"({"checks":[{"name":"a","status":"ok","detail":"fine","remedy":""},)"
                  R"({"name":"b","status":"warn","detail":"so \"so\"","remedy":"do this"},)"
                  R"({"name":"c","status":"fail","detail":"bad","remedy":"do that"}]})");
}

}  // namespace
}  // namespace wrenn::agent
