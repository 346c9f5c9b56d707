#include "hostnet/slot_pool.h"

#include <fcntl.h>

#include <algorithm>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>

#include "hostnet/links.h"
#include "hostnet/netlink.h"
#include "hostnet/test_host.h"

namespace wrenn::hostnet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Slots : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = TestHost::enter(); !reason.empty()) GTEST_SKIP() << reason;
    before_ = TestHost::state();
  }
  void TearDown() override {
    if (before_.empty()) return;
    const auto stopped = stop_host_network(TestHost::config());
    EXPECT_TRUE(stopped) << stopped.error().to_string();
    EXPECT_EQ(TestHost::state(), before_) << "teardown must leave nothing";
  }
  SlotSettings start(std::vector<SlotIndex> keep = {}) {
    auto settings = start_host_network(TestHost::config(std::move(keep)));
    EXPECT_TRUE(settings) << settings.error().to_string();
    return *settings;
  }
  std::vector<SlotIndex> existing() {
    return *list_slots(TestHost::config().tag, TestHost::config().netns_dir);
  }

 private:
  std::string before_;
};

using Indexes = std::vector<SlotIndex>;

TEST_F(Slots, StartAndStopAreIdempotent) {
  const auto first = start();
  EXPECT_EQ(first.range, kDefaultRange);
  EXPECT_EQ(start().range, first.range);
  EXPECT_EQ(*base::read_file("/proc/sys/net/ipv4/ip_forward"), "1\n");
  EXPECT_TRUE(stop_host_network(TestHost::config()));
  EXPECT_TRUE(stop_host_network(TestHost::config()));
}

TEST_F(Slots, CreateRefusesAnIndexThatExists) {
  const auto settings = start();
  ASSERT_TRUE(create_slot(settings, 3));
  EXPECT_EQ(create_slot(settings, 3).error().code, base::Code::kAlreadyExists);
  EXPECT_TRUE(open_slot(settings, 3));
  EXPECT_EQ(create_slot(settings, 0).error().code, base::Code::kOutOfRange);
  EXPECT_EQ(create_slot(settings, kMaxSlot + 1).error().code, base::Code::kOutOfRange);
  ASSERT_TRUE(create_slot(settings, kMaxSlot));
  ASSERT_TRUE(destroy_slot(settings, 3));
  ASSERT_TRUE(destroy_slot(settings, 3));
  EXPECT_EQ(open_slot(settings, 3).error().code, base::Code::kNotFound);
  EXPECT_EQ(existing(), Indexes{kMaxSlot});
}

TEST_F(Slots, SweepTakesLeftoversAndKeepsTheLiving) {
  const auto settings = start();
  ASSERT_TRUE(create_slot(settings, 1));
  ASSERT_TRUE(create_slot(settings, 2));
  ASSERT_TRUE(create_slot(settings, 3));
  // Halves, as a crash leaves them: a file without a namespace, a link without a file.
  ASSERT_TRUE(base::open_file("/run/netns/" + settings.tag.netns(4), O_WRONLY | O_CREAT));
  auto netlink = Netlink::open();
  ASSERT_TRUE(netlink);
  ASSERT_TRUE(netlink->send(make_veth({settings.tag.link(5), "other", TestHost::outside_netns()})));
  EXPECT_EQ(existing(), (Indexes{1, 2, 3, 4, 5}));
  EXPECT_EQ(start({2}).range, settings.range);
  EXPECT_EQ(existing(), Indexes{2});
  const UdpSocket outside = udp_in(TestHost::outside_netns(), 7777);
  const auto kept = open_slot(settings, 2);
  ASSERT_TRUE(kept);
  Guest(*kept).send({kOutsidePublic, 7777, "alive"});
  EXPECT_TRUE(outside.receive(seconds(2)));
}

TEST_F(Slots, LeavesOtherInstallationsAlone) {
  auto other = TestHost::config();
  other.tag = InstallTag::of("/run/other");
  other.state_file = "/run/other/network.state";
  const auto mine = start();
  const auto theirs = start_host_network(other);
  ASSERT_TRUE(theirs) << theirs.error().to_string();
  EXPECT_NE(theirs->range, mine.range);
  ASSERT_TRUE(create_slot(*theirs, 1));
  ASSERT_TRUE(create_slot(mine, 1));
  ASSERT_TRUE(stop_host_network(TestHost::config()));
  EXPECT_TRUE(open_slot(*theirs, 1));
  EXPECT_EQ(*base::read_file("/proc/sys/net/ipv4/ip_forward"), "1\n") << "the other needs it";
  EXPECT_TRUE(stop_host_network(other));
  // The first one's file is gone, so the last one cannot know; put it back for the comparison.
  const auto forwarding = base::open_file("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
  ASSERT_TRUE(base::write_all(forwarding->get(), "0"));
}

TEST_F(Slots, RefusesARangeThatTheMachineUses) {
  auto config = TestHost::config();
  auto netlink = Netlink::open();
  ASSERT_TRUE(netlink);
  ASSERT_TRUE(netlink->send(add_address(1, *Ipv4::parse("10.12.3.4"), 24)));
  config.range = kDefaultRange;
  EXPECT_EQ(start_host_network(config).error().code, base::Code::kFailedPrecondition);
  EXPECT_EQ(start().range.to_string(), "10.13.0.0/16");
  ASSERT_TRUE(netlink->send(delete_address(1, *Ipv4::parse("10.12.3.4"), 24)));
}

TEST_F(Slots, PoolMakesAheadAndReusesTheLowestIndex) {
  SlotPool pool(start(), 2);
  auto first = pool.acquire();
  auto second = pool.acquire();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->index, 1u);
  EXPECT_EQ(second->index, 2u);
  EXPECT_EQ(pool.in_use(), 2u);
  pool.release(std::move(*first));
  pool.drain();
  EXPECT_FALSE(open_slot(SlotSettings{TestHost::config().tag, kDefaultRange}, 1));
  EXPECT_EQ(pool.in_use(), 1u);
  Indexes got;
  for (int i = 0; i < 3; ++i) got.push_back(pool.acquire()->index);
  EXPECT_NE(std::find(got.begin(), got.end(), 1u), got.end());
}

TEST_F(Slots, PoolAdoptsAndLeavesWhatIsInUse) {
  const auto settings = start();
  {
    SlotPool pool(settings, 1);
    ASSERT_TRUE(pool.acquire());
  }
  EXPECT_EQ(existing(), Indexes{1});
  SlotPool pool(settings, 0);
  const auto adopted = pool.adopt(1);
  ASSERT_TRUE(adopted) << adopted.error().to_string();
  EXPECT_EQ(pool.adopt(1).error().code, base::Code::kAlreadyExists);
  EXPECT_EQ(pool.adopt(7).error().code, base::Code::kNotFound);
  EXPECT_EQ(pool.acquire()->index, 2u);
}

TEST_F(Slots, PoolLeavesTheLivingAloneUntilTheyAreAdopted) {
  const auto settings = start();
  ASSERT_TRUE(create_slot(settings, 1));
  ASSERT_TRUE(create_slot(settings, 3));
  SlotPool pool(settings, 2, {1, 3});
  // The maker has gone past both before anybody adopts.
  for (int i = 0; i < 500 && pool.ready() < 2; ++i) std::this_thread::sleep_for(milliseconds(10));
  ASSERT_EQ(pool.ready(), 2u);
  for (const SlotIndex index : {1u, 3u}) {
    const auto adopted = pool.adopt(index);
    EXPECT_TRUE(adopted) << adopted.error().to_string();
    EXPECT_EQ(pool.adopt(index).error().code, base::Code::kAlreadyExists);
  }
  EXPECT_EQ(pool.acquire()->index, 2u);
  EXPECT_EQ(pool.acquire()->index, 4u);
  pool.drain();
}

TEST_F(Slots, PoolPassesOverForeignLeftovers) {
  const auto settings = start();
  ASSERT_TRUE(create_slot(settings, 1));
  SlotPool pool(settings, 0);
  const auto slot = pool.acquire();
  ASSERT_TRUE(slot) << slot.error().to_string();
  EXPECT_EQ(slot->index, 2u);
  pool.drain();
}

TEST_F(Slots, PoolReportsWhySlotsCannotBeMade) {
  auto settings = start();
  settings.netns_dir = "/proc/nowhere";
  SlotPool pool(settings, 0);
  const auto slot = pool.acquire(seconds(5));
  ASSERT_FALSE(slot);
  EXPECT_NE(slot.error().message.find("/proc/nowhere"), std::string::npos);
}

TEST_F(Slots, CheckLooksButDoesNotTouch) {
  const std::string before = TestHost::state();
  for (const auto& check : check_host_network()) {
    EXPECT_EQ(check.state, CheckState::kGood) << check.name << ": " << check.explanation;
  }
  EXPECT_EQ(TestHost::state(), before);
}

TEST_F(Slots, AreMadeAndDestroyedInMilliseconds) {
  const auto settings = start();
  std::vector<base::Duration> made;
  std::vector<base::Duration> gone;
  for (SlotIndex i = 1; i <= 21; ++i) {
    const auto start_time = base::steady_now();
    ASSERT_TRUE(create_slot(settings, i));
    made.push_back(base::steady_now() - start_time);
  }
  for (SlotIndex i = 1; i <= 21; ++i) {
    const auto start_time = base::steady_now();
    ASSERT_TRUE(destroy_slot(settings, i));
    gone.push_back(base::steady_now() - start_time);
  }
  const auto median_us = [](std::vector<base::Duration>& times) {
    std::sort(times.begin(), times.end());
    return std::chrono::duration_cast<std::chrono::microseconds>(times[times.size() / 2]).count();
  };
  std::cout << "slot: create median " << median_us(made) << " us (max " << base::to_ms(made.back())
            << " ms), destroy median " << median_us(gone) << " us\n";
  EXPECT_LT(made[made.size() / 2], milliseconds(200));
}

}  // namespace
}  // namespace wrenn::hostnet
