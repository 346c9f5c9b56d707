// Real packets through real slots: what a sandbox reaches, and what it does not.
#include <linux/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "hostnet/two_slots.h"

namespace wrenn::hostnet {
namespace {

class Packets : public TwoSlots {};

TEST_F(Packets, GuestReachesTheOutsideThroughNatAndGetsAnswers) {
  const Guest guest(a_);
  guest.send({kOutsidePublic, kPort, "hello"});
  const auto question = outside_->receive(kSoon);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->payload, "hello");
  EXPECT_EQ(question->source, kHostPublic);
  outside_->send(question->source, question->source_port, "world");
  const auto answer = guest.receive(kSoon);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->payload, "world");
  EXPECT_EQ(answer->source, kOutsidePublic);
}

TEST_F(Packets, TwoGuestsWithTheSameAddressDoNotMixUp) {
  const Guest a(a_);
  const Guest b(b_);
  a.send({kOutsidePublic, kPort, "from a"});
  const auto from_a = outside_->receive(kSoon);
  b.send({kOutsidePublic, kPort, "from b"});
  const auto from_b = outside_->receive(kSoon);
  ASSERT_TRUE(from_a && from_b);
  outside_->send(from_b->source, from_b->source_port, "to b");
  outside_->send(from_a->source, from_a->source_port, "to a");
  const auto to_a = a.receive(kSoon);
  const auto to_b = b.receive(kSoon);
  ASSERT_TRUE(to_a && to_b);
  EXPECT_EQ(to_a->payload, "to a");
  EXPECT_EQ(to_b->payload, "to b");
}

TEST_F(Packets, HostReachesEveryPortOfTheGuest) {
  const Guest guest(a_);
  const UdpSocket agent(0);
  agent.send(a_.address, 49983, "ping");
  const auto question = guest.receive(kSoon);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->payload, "ping");
  EXPECT_EQ(question->source, kGatewayAddress);
  EXPECT_EQ(question->destination_port, 49983);
}

TEST_F(Packets, GuestDoesNotReachTheHost) {
  const Guest guest(a_);
  const UdpSocket service(kPort);
  const Ipv4 own_host_end = host_end(settings_->range, 1);
  for (const Ipv4 address : {kHostPublic, own_host_end, host_end(settings_->range, 2)}) {
    guest.send({address, kPort, "knock"});
    EXPECT_FALSE(service.receive(kNever)) << address.to_string();
  }
  guest.send({kHostPublic, kPort, "knock"});
  EXPECT_TRUE(guest.was_refused(kSoon));
  // The service itself is well: from outside it answers.
  outside_->send(kHostPublic, kPort, "knock");
  EXPECT_TRUE(service.receive(kSoon));
  expect_outside_works(guest);
}

TEST_F(Packets, GuestDoesNotReachItsOwnNamespace) {
  const Guest guest(a_);
  const UdpSocket service = udp_in(a_.netns.get(), kPort);
  for (const Ipv4 address : {kGatewayAddress, a_.address}) {
    guest.send({address, kPort, "knock"});
    EXPECT_FALSE(service.receive(kNever)) << address.to_string();
  }
  expect_outside_works(guest);
}

TEST_F(Packets, GuestDoesNotReachAnotherSandbox) {
  const Guest a(a_);
  const Guest b(b_);
  a.send({b_.address, kPort, "knock"});
  EXPECT_FALSE(b.receive(kNever));
  EXPECT_TRUE(a.was_refused(kSoon));
  const UdpSocket agent(0);
  agent.send(b_.address, kPort, "knock");
  EXPECT_TRUE(b.receive(kSoon));
  expect_outside_works(a);
}

TEST_F(Packets, GuestDoesNotReachPrivateAndLinkLocalRanges) {
  const Guest guest(a_);
  const UdpSocket host(0);
  for (const Ipv4 address : {kOutsidePrivate, kOutsideMetadata}) {
    guest.send({address, kPort, "knock"});
    EXPECT_FALSE(outside_->receive(kNever)) << address.to_string();
    // The address exists: the host itself reaches it.
    host.send(address, kPort, "host");
    EXPECT_TRUE(outside_->receive(kSoon)) << address.to_string();
  }
  guest.send({kOutsidePrivate, kPort, "knock"});
  EXPECT_TRUE(guest.was_refused(kSoon));
  expect_outside_works(guest);
}

TEST_F(Packets, SpoofedSourcesGoNowhere) {
  const Guest guest(a_);
  for (const char* source : {"169.254.0.20", "8.8.8.8", "203.0.113.2", "10.12.0.5", "127.0.0.1"}) {
    guest.send({kOutsidePublic, kPort, "spoofed", *Ipv4::parse(source)});
    EXPECT_FALSE(outside_->receive(kNever)) << source;
  }
  expect_outside_works(guest);
}

TEST_F(Packets, TheHostChecksSourcesItself) {
  const std::string link = settings_->tag.link(1);
  send_raw_from_slot(a_, link, a_.address, kOutsidePublic, kPort);
  ASSERT_TRUE(outside_->receive(kSoon)) << "an honest packet must pass";
  for (const Ipv4 source : {b_.address, *Ipv4::parse("8.8.8.8"), kGuestAddress, kHostPublic}) {
    send_raw_from_slot(a_, link, source, kOutsidePublic, kPort);
    EXPECT_FALSE(outside_->receive(kNever)) << source.to_string();
  }
}

// The wall stands by itself, whatever the rules in the slot refuse before it.
TEST_F(Packets, TheHostRefusesWhatNoSandboxReaches) {
  const std::string link = settings_->tag.link(1);
  send_raw_from_slot(a_, link, a_.address, kOutsidePublic, kPort);
  ASSERT_TRUE(outside_->receive(kSoon)) << "an honest packet must pass";
  for (const Ipv4 address : {kOutsidePrivate, kOutsideMetadata}) {
    send_raw_from_slot(a_, link, a_.address, address, kPort);
    EXPECT_FALSE(outside_->receive(kNever)) << address.to_string();
  }
  const Guest b(b_);
  send_raw_from_slot(a_, link, a_.address, b_.address, kPort);
  EXPECT_FALSE(b.receive(kNever));
}

TEST_F(Packets, TheOutsideDoesNotReachAGuest) {
  const Guest guest(a_);
  outside_->send(a_.address, kPort, "knock");
  EXPECT_FALSE(guest.receive(kNever));
  expect_outside_works(guest);
}

TEST_F(Packets, UnusedSlotAddressesAreNotSentToTheOutside) {
  const UdpSocket host(0);
  host.send(sandbox_end(settings_->range, 999), kPort, "lost");
  EXPECT_FALSE(outside_->receive(kNever));
}

TEST_F(Packets, TapIsAsPromised) {
  const Guest guest(a_);
  EXPECT_FALSE(a_.open_tap(0)) << "a second card on the same TAP";
  in_netns(a_.netns.get(), [] {
    const base::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    kTapName.copy(request.ifr_name, IFNAMSIZ - 1);
    ASSERT_EQ(::ioctl(fd.get(), SIOCGIFTXQLEN, &request), 0);
    EXPECT_EQ(request.ifr_qlen, 5000);
  });
}

TEST_F(Packets, TapCanBeOpenedAgainAfterItsMachineDied) {
  {
    const Guest first(a_);
  }
  const Guest second(a_);
  expect_outside_works(second);
}

}  // namespace
}  // namespace wrenn::hostnet
