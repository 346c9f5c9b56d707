#include "hostnet/address.h"

#include <gtest/gtest.h>

#include "hostnet/links.h"
#include "hostnet/netlink.h"
#include "hostnet/rules.h"

namespace wrenn::hostnet {
namespace {

TEST(Address, OfTheGuest) {
  EXPECT_EQ(kGuestAddress.to_string(), "169.254.0.21");
  EXPECT_EQ(kGatewayAddress.to_string(), "169.254.0.22");
  EXPECT_EQ(to_string(kGuestMac), "02:fc:00:00:00:05");
}

TEST(Address, RangeIsAPrivateSixteen) {
  EXPECT_EQ(SlotRange::parse("10.12.0.0/16"), kDefaultRange);
  EXPECT_EQ(SlotRange::parse("172.31.0.0/16")->to_string(), "172.31.0.0/16");
  for (const char* bad :
       {"10.12.0.0", "10.12.1.0/16", "10.12.0.0/24", "8.8.0.0/16", "172.32.0.0/16", "x/16", ""}) {
    EXPECT_EQ(SlotRange::parse(bad).error().code, base::Code::kInvalidArgument) << bad;
  }
}

TEST(Address, EverySlotHasItsOwnPairInsideTheRange) {
  EXPECT_EQ(host_end(kDefaultRange, 1).to_string(), "10.12.0.2");
  EXPECT_EQ(sandbox_end(kDefaultRange, 1).to_string(), "10.12.0.3");
  EXPECT_EQ(host_end(kDefaultRange, kMaxSlot).to_string(), "10.12.255.254");
  EXPECT_EQ(sandbox_end(kDefaultRange, kMaxSlot).to_string(), "10.12.255.255");
}

TEST(InstallTag, NamesFitAndDependOnTheDirectoryOnly) {
  const auto tag = InstallTag::of("/var/lib/wrenn");
  EXPECT_EQ(tag, InstallTag::of("/var/lib//wrenn/"));
  EXPECT_EQ(tag, InstallTag::of("/var/lib/x/../wrenn"));
  EXPECT_FALSE(tag == InstallTag::of("/var/lib/wrenn2"));
  EXPECT_EQ(tag.text().size(), 6u);
  EXPECT_LE(tag.link(kMaxSlot).size(), 15u);
  EXPECT_EQ(tag.netns(7), "wrenn-" + tag.text() + "-7");
}

TEST(Rules, NoValueIsLeftOpen) {
  const auto tag = InstallTag::of("/x");
  for (const auto& text :
       {slot_rules({}), host_rules(tag, kDefaultRange), remove_host_rules(tag)}) {
    EXPECT_EQ(text.find('$'), std::string::npos) << text;
  }
}

TEST(NetlinkErrors, NameTheRequestAndTheReason) {
  auto netlink = Netlink::open();
  ASSERT_TRUE(netlink);
  const auto index = link_index(*netlink, "nosuchlink");
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, base::Code::kNotFound);
  EXPECT_EQ(index.error().message, "looking for link nosuchlink: No such device");
  EXPECT_EQ(*link_index(*netlink, "lo"), 1);
}

}  // namespace
}  // namespace wrenn::hostnet
