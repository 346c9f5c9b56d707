#include "envd/ports/port_plan.h"

#include <gtest/gtest.h>

#include "envd/ports/port_relays.h"

namespace wrenn::envd {
namespace {

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

const PortRules kRules{
    .own_port = 49983, .relay_address = IpAddress::v4({169, 254, 0, 21}), .max_relays = 2};

TEST(PortPlanTest, RelaysWhatIsOnLoopbackAlone) {
  const std::vector<ListeningSocket> sockets = {
      {80, ip("127.0.0.1")},  {80, ip("::1")},       {81, ip("::1")},
      {82, ip("0.0.0.0")},    {83, ip("127.0.0.1")}, {83, ip("169.254.0.21")},
      {84, ip("127.0.0.53")}, {84, ip("::")},        {49983, ip("0.0.0.0")}};
  const PortPlan plan = plan_ports(sockets, kRules, {});
  const std::vector<PortEntry> ports = {
      {80, {ip("127.0.0.1"), ip("::1")}, false, true},
      {81, {ip("::1")}, false, true},
      {82, {ip("0.0.0.0")}, true, false},
      {83, {ip("127.0.0.1"), ip("169.254.0.21")}, true, false},
      {84, {ip("127.0.0.53"), ip("::")}, true, false},
  };
  EXPECT_EQ(plan.ports, ports);
  const std::vector<RelayTarget> relays = {{80, ip("127.0.0.1")}, {81, ip("::1")}};
  EXPECT_EQ(plan.relays, relays);
  EXPECT_EQ(plan.refused_relays, 0U);
}

TEST(PortPlanTest, ARelayMakesItsPortReachableAndIsNotListed) {
  const std::vector<ListeningSocket> sockets = {
      {80, ip("127.0.0.1")}, {80, ip("169.254.0.21")}, {81, ip("169.254.0.21")}};
  const PortPlan plan = plan_ports(sockets, kRules, {80, 81});
  const std::vector<PortEntry> ports = {{80, {ip("127.0.0.1")}, true, true}};
  EXPECT_EQ(plan.ports, ports);
  // The program behind 81 is gone, so its relay goes.
  const std::vector<RelayTarget> relays = {{80, ip("127.0.0.1")}};
  EXPECT_EQ(plan.relays, relays);
}

TEST(PortPlanTest, BeyondTheLimitThoseThatRunStay) {
  const std::vector<ListeningSocket> sockets = {
      {80, ip("127.0.0.1")}, {81, ip("127.0.0.1")}, {82, ip("127.0.0.1")}};
  const PortPlan plan = plan_ports(sockets, kRules, {82});
  const std::vector<RelayTarget> relays = {{82, ip("127.0.0.1")}, {80, ip("127.0.0.1")}};
  EXPECT_EQ(plan.relays, relays);
  EXPECT_EQ(plan.refused_relays, 1U);
  ASSERT_EQ(plan.ports.size(), 3U);
  EXPECT_FALSE(plan.ports[1].is_relayed);
}

TEST(PortPlanTest, WithoutAnAddressThereAreNoRelays) {
  const std::vector<ListeningSocket> sockets = {{80, ip("127.0.0.1")}};
  const PortPlan plan = plan_ports(sockets, {}, {});
  const std::vector<PortEntry> ports = {{80, {ip("127.0.0.1")}, false, false}};
  EXPECT_EQ(plan.ports, ports);
  EXPECT_TRUE(plan.relays.empty());
  EXPECT_EQ(plan.refused_relays, 0U);
}

TEST(PortRelaysTest, TheCommandNamesBothEnds) {
  const IpAddress guest = ip("169.254.0.21");
  const SpawnSpec spec = make_relay_spec(guest, {8080, ip("127.0.0.1")}, true);
  const std::vector<std::string> argv = {
      "socat", "TCP4-LISTEN:8080,bind=169.254.0.21,reuseaddr,backlog=128,fork",
      "TCP4:127.0.0.1:8080"};
  EXPECT_EQ(spec.argv, argv);
  EXPECT_EQ(spec.uid, 65534U);
  EXPECT_EQ(spec.gid, 65534U);
  EXPECT_EQ(make_relay_spec(guest, {8080, ip("::1")}, true).argv[2], "TCP6:[::1]:8080");
  const SpawnSpec low = make_relay_spec(guest, {80, ip("127.0.0.1")}, true);
  EXPECT_EQ(low.argv[1], "TCP4-LISTEN:80,bind=169.254.0.21,reuseaddr,backlog=128,fork,su=65534");
  EXPECT_EQ(low.uid, 0U);
}

}  // namespace
}  // namespace wrenn::envd
