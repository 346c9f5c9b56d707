#include "control/api/router.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

class RouteTableTest : public testing::Test {
 protected:
  RouteTableTest() {
    list = table.add("GET", "/v1/capsules");
    create = table.add("POST", "/v1/capsules");
    get = table.add("GET", "/v1/capsules/{}");
    kill = table.add("DELETE", "/v1/capsules/{}/processes/{}");
  }
  RouteTable table;
  std::size_t list = 0, create = 0, get = 0, kill = 0;
};

TEST_F(RouteTableTest, FindsByMethodAndPath) {
  EXPECT_EQ(table.find("GET", "/v1/capsules").match->route, list);
  EXPECT_EQ(table.find("HEAD", "/v1/capsules").match->route, list);
  EXPECT_EQ(table.find("POST", "/v1/capsules").match->route, create);
  const auto match = table.find("DELETE", "/v1/capsules/cl-1/processes/a%20b").match;
  ASSERT_TRUE(match);
  EXPECT_EQ(match->route, kill);
  EXPECT_EQ(match->params, (std::vector<std::string>{"cl-1", "a b"}));
}

TEST_F(RouteTableTest, TellsAWrongMethodFromAWrongPath) {
  auto lookup = table.find("PATCH", "/v1/capsules");
  EXPECT_FALSE(lookup.match);
  EXPECT_EQ(lookup.allow, "GET, POST");
  for (const auto* path :
       {"/", "", "/v1", "/v1/capsules/", "/v1/capsules/x/", "//v1/capsules", "/v1/capsules/%zz",
        "/v1/capsules/%ff", "/v1/capsules/%00", "/V1/capsules"}) {
    lookup = table.find("GET", path);
    EXPECT_FALSE(lookup.match) << path;
    EXPECT_EQ(lookup.allow, "") << path;
  }
}

TEST_F(RouteTableTest, ANameGoesBeforeAParameter) {
  RouteTable names;
  const auto stats = names.add("GET", "/v1/capsules/stats");
  const auto one = names.add("GET", "/v1/capsules/{}");
  EXPECT_EQ(names.find("GET", "/v1/capsules/stats").match->route, stats);
  EXPECT_EQ(names.find("GET", "/v1/capsules/other").match->route, one);
  EXPECT_EQ(names.find("PUT", "/v1/capsules/stats").allow, "GET");
}

TEST_F(RouteTableTest, ASlashInAParameterStaysInIt) {
  EXPECT_EQ(table.find("GET", "/v1/capsules/a%2Fb").match->params.front(), "a/b");
}

}  // namespace
}  // namespace wrenn::control
