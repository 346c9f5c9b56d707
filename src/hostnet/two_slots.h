// For tests: a machine with the network of an installation, two slots and a server outside.
#pragma once

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include "hostnet/test_host.h"

namespace wrenn::hostnet {

inline constexpr std::chrono::milliseconds kSoon{10000};  // Only a failing test waits so long.
inline constexpr std::chrono::milliseconds kNever{60};  // How long to wait for what must not come.
inline constexpr std::uint16_t kPort = 7777;

class TwoSlots : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = TestHost::enter(); !reason.empty()) GTEST_SKIP() << reason;
    auto settings = start_host_network(TestHost::config());
    ASSERT_TRUE(settings) << settings.error().to_string();
    settings_.emplace(*settings);
    a_ = make(1);
    b_ = make(2);
    outside_.emplace(udp_in(TestHost::outside_netns(), kPort));
    wait_for_link(a_);
    wait_for_link(b_);
  }
  void TearDown() override {
    if (!settings_) return;
    const auto stopped = stop_host_network(TestHost::config());
    EXPECT_TRUE(stopped) << stopped.error().to_string();
  }
  Slot make(SlotIndex index) {
    auto slot = create_slot(*settings_, index);
    EXPECT_TRUE(slot) << slot.error().to_string();
    return slot ? std::move(*slot) : Slot{};
  }
  // A link that was just made drops packets until the kernel has noticed that it is up.
  void wait_for_link(const Slot& slot) {
    constexpr int kTries = 100;
    const Guest guest(slot);
    bool arrived = false;
    for (int i = 0; i < kTries && !arrived; ++i) {
      guest.send({kOutsidePublic, kPort, "first"});
      arrived = outside_->receive(std::chrono::milliseconds(100)).has_value();
    }
    ASSERT_TRUE(arrived);
    while (outside_->receive(kNever)) {
    }
  }
  // Shows that silence before was no accident.
  void expect_outside_works(const Guest& guest) {
    guest.send({kOutsidePublic, kPort, "still works"});
    const auto got = outside_->receive(kSoon);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->payload, "still works");
  }

  std::optional<SlotSettings> settings_;
  Slot a_;
  Slot b_;
  std::optional<UdpSocket> outside_;
};

}  // namespace wrenn::hostnet
