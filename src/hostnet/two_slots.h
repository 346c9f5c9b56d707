// For tests: a machine with the network of an installation, two slots and a server outside.
#pragma once

#include <optional>

#include "hostnet/test_host.h"

namespace wrenn::hostnet {

class TwoSlots : public HostNetworkTest {
 protected:
  void SetUp() override {
    HostNetworkTest::SetUp();
    if (!settings_) return;
    a_ = make(1);
    b_ = make(2);
    outside_.emplace(udp_in(TestHost::outside_netns(), kPort));
    for (const Slot* slot : {&a_, &b_}) wait_for_link(Guest(*slot), *outside_);
  }
  // Shows that silence before was no accident.
  void expect_outside_works(const Guest& guest) {
    guest.send({kOutsidePublic, kPort, "still works"});
    const auto got = outside_->receive(kSoon);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->payload, "still works");
  }

  Slot a_;
  Slot b_;
  std::optional<UdpSocket> outside_;
};

}  // namespace wrenn::hostnet
