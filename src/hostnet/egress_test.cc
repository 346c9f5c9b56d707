// Real packets against a sandbox's own policy: what it lets pass, what it refuses, what is
// recorded.
#include <netinet/in.h>

#include <iostream>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/time.h"
#include "hostnet/denials.h"
#include "hostnet/policy.h"
#include "hostnet/two_slots.h"

namespace wrenn::hostnet {
namespace {

Ipv4Block block(std::string_view text) {
  const auto parsed = Ipv4Block::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Ipv4Block{});
}

class Egress : public TwoSlots {
 protected:
  void apply(const EgressPolicy& policy) {
    const auto applied = apply_policy(a_, policy);
    ASSERT_TRUE(applied) << applied.error().to_string();
  }
  std::vector<Denial> denials(const Slot& slot) {
    auto listed = list_denials(slot);
    EXPECT_TRUE(listed) << listed.error().to_string();
    return listed.value_or(std::vector<Denial>{});
  }
  // Absent: not recorded.
  std::optional<std::uint64_t> denied_packets(Ipv4 address, int protocol, int port) {
    for (const Denial& denial : denials(a_)) {
      if (denial.address == address && denial.protocol == protocol && denial.port == port) {
        return denial.packets;
      }
    }
    return std::nullopt;
  }
  void expect_passes(const Guest& guest, Ipv4 address) {
    guest.send({address, kPort, "may pass"});
    const auto got = outside_->receive(kSoon);
    ASSERT_TRUE(got) << address.to_string();
    EXPECT_EQ(got->payload, "may pass");
  }
  void expect_refused(const Guest& guest, Ipv4 address) {
    guest.send({address, kPort, "must not pass"});
    EXPECT_TRUE(guest.was_refused(kSoon)) << address.to_string();
    EXPECT_FALSE(outside_->receive(kNever)) << address.to_string();
  }
};

TEST_F(Egress, WithoutAPolicyNothingPublicIsRefusedOrRecorded) {
  const Guest guest(a_);
  expect_passes(guest, kOutsidePublic);
  expect_passes(guest, kOutsideOther);
  EXPECT_TRUE(denials(a_).empty());
}

TEST_F(Egress, WhatIsDeniedIsRefusedAndRecorded) {
  const Guest guest(a_);
  apply({.deny_internet = false, .allow = {}, .deny = {block("198.51.100.0/24")}});
  const std::int64_t before = base::unix_ms_now() / 1000;
  expect_refused(guest, kOutsideOther);
  expect_refused(guest, kOutsideOther);
  expect_passes(guest, kOutsidePublic);
  guest.send_syn(kOutsideOther, 443);
  EXPECT_TRUE(guest.was_reset(kSoon)) << "a program must not wait for its timeout";
  guest.send_ping(kOutsideOther);
  EXPECT_TRUE(guest.was_refused(kSoon));
  EXPECT_EQ(denied_packets(kOutsideOther, IPPROTO_UDP, kPort), 2u);
  EXPECT_EQ(denied_packets(kOutsideOther, IPPROTO_TCP, 443), 1u);
  EXPECT_EQ(denied_packets(kOutsideOther, IPPROTO_ICMP, 0), 1u);
  const auto listed = denials(a_);
  EXPECT_EQ(listed.size(), 3u);
  for (const Denial& denial : listed) {
    EXPECT_GE(denial.last_unix_sec, before - 1);
    EXPECT_LE(denial.last_unix_sec, base::unix_ms_now() / 1000);
  }
  EXPECT_TRUE(denials(b_).empty()) << "each sandbox has its own";
}

TEST_F(Egress, WhatIsAllowedWinsOverWhatIsDenied) {
  const Guest guest(a_);
  apply({.deny_internet = false,
         .allow = {block("198.51.100.7")},
         .deny = {block("198.51.100.0/24"), block("203.0.113.0/24")}});
  expect_passes(guest, kOutsideOther);
  expect_refused(guest, kOutsidePublic);
  expect_refused(guest, *Ipv4::parse("198.51.100.8"));
}

TEST_F(Egress, WithoutTheInternetOnlyWhatIsAllowedIsReached) {
  const Guest guest(a_);
  apply({.deny_internet = true, .allow = {}, .deny = {}});
  expect_refused(guest, kOutsidePublic);
  guest.send_syn(kOutsidePublic, 80);
  EXPECT_TRUE(guest.was_reset(kSoon));
  apply({.deny_internet = true, .allow = {block("198.51.100.7")}, .deny = {block("0.0.0.0/0")}});
  expect_refused(guest, kOutsidePublic);
  expect_passes(guest, kOutsideOther);
}

TEST_F(Egress, AnotherSandboxKeepsItsOwnPolicy) {
  apply({.deny_internet = true, .allow = {}, .deny = {}});
  const Guest b(b_);
  expect_outside_works(b);
}

TEST_F(Egress, AllAddressesMayBeOneBlock) {
  const Guest guest(a_);
  apply({.deny_internet = false, .allow = {block("198.51.100.7")}, .deny = {block("0.0.0.0/0")}});
  expect_refused(guest, kOutsidePublic);
  expect_passes(guest, kOutsideOther);
  apply({.deny_internet = true, .allow = {block("0.0.0.0/0")}, .deny = {}});
  expect_passes(guest, kOutsidePublic);
  expect_refused(guest, kOutsidePrivate);
}

TEST_F(Egress, AChangeHoldsForConnectionsThatStand) {
  const Guest guest(a_);
  expect_passes(guest, kOutsidePublic);
  guest.send({kOutsidePublic, kPort, "hello"});
  const auto question = outside_->receive(kSoon);
  ASSERT_TRUE(question);
  outside_->send(question->source, question->source_port, "world");
  ASSERT_TRUE(guest.receive(kSoon));
  apply({.deny_internet = true, .allow = {}, .deny = {}});
  expect_refused(guest, kOutsidePublic);
  apply({});
  expect_passes(guest, kOutsidePublic);
  EXPECT_EQ(denied_packets(kOutsidePublic, IPPROTO_UDP, kPort), 1u) << "what was recorded stays";
}

TEST_F(Egress, WhatNoSandboxReachesIsRecordedUnderEveryPolicy) {
  const Guest guest(a_);
  for (const EgressPolicy& policy :
       {EgressPolicy{}, EgressPolicy{true, {block("0.0.0.0/0"), block("10.0.0.0/8")}, {}}}) {
    apply(policy);
    expect_refused(guest, kOutsidePrivate);
    expect_refused(guest, kOutsideMetadata);
    expect_refused(guest, b_.address);
  }
  EXPECT_EQ(denied_packets(kOutsidePrivate, IPPROTO_UDP, kPort), 2u);
  EXPECT_EQ(denied_packets(kOutsideMetadata, IPPROTO_UDP, kPort), 2u);
  EXPECT_EQ(denied_packets(b_.address, IPPROTO_UDP, kPort), 2u);
}

TEST_F(Egress, AnswersToTheHostPassWithoutTheInternet) {
  const Guest guest(a_);
  apply({.deny_internet = true, .allow = {}, .deny = {}});
  constexpr std::uint16_t kGuestsOwn = 4000;  // What the guest sends from.
  const UdpSocket agent(0);
  agent.send(a_.address, kGuestsOwn, "ping");
  const auto question = guest.receive(kSoon);
  ASSERT_TRUE(question);
  guest.send({question->source, question->source_port, "pong"});
  const auto answer = agent.receive(kSoon);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->payload, "pong");
  EXPECT_TRUE(denials(a_).empty());
}

TEST_F(Egress, WhatCannotBeRecordedAnyMoreDoesNotPass) {
  const Guest guest(a_);
  apply({.deny_internet = true, .allow = {}, .deny = {}});
  constexpr std::uint16_t kFirst = 10000;
  for (std::uint16_t i = 0; i < kMaxDenials + 20; ++i) {
    guest.send_syn(kOutsidePublic, static_cast<std::uint16_t>(kFirst + i));
    ASSERT_TRUE(guest.was_reset(kSoon)) << i;
  }
  EXPECT_EQ(denials(a_).size(), kMaxDenials);
  expect_refused(guest, kOutsidePublic);
  guest.send_syn(kOutsidePublic, kPort);
  EXPECT_TRUE(guest.was_reset(kSoon));
  EXPECT_EQ(denied_packets(kOutsidePublic, IPPROTO_UDP, kPort), std::nullopt);
  // Those that are known are still counted, and other protocols have room of their own.
  guest.send_syn(kOutsidePublic, kFirst);
  ASSERT_TRUE(guest.was_reset(kSoon));
  EXPECT_EQ(denied_packets(kOutsidePublic, IPPROTO_TCP, kFirst), 2u);
  guest.send_ping(kOutsidePublic);
  ASSERT_TRUE(guest.was_refused(kSoon));
  EXPECT_EQ(denied_packets(kOutsidePublic, IPPROTO_ICMP, 0), 1u);
}

TEST_F(Egress, LongListsOfBlocksThatOverlapAreFine) {
  const Guest guest(a_);
  EgressPolicy policy{.deny_internet = false, .allow = {block("198.51.100.0/30")}, .deny = {}};
  for (std::uint32_t i = 0; policy.deny.size() < kMaxPolicyBlocks; ++i) {
    policy.deny.push_back({{0xC6336400 + i}, 32});
    policy.deny.push_back({{0xC6336400 + (i & ~3u)}, 30});
    policy.deny.push_back({{0xC6336400}, 24});
  }
  policy.deny.resize(kMaxPolicyBlocks);
  policy.allow.resize(kMaxPolicyBlocks, block("203.0.113.1"));
  const auto begin = base::steady_now();
  apply(policy);
  std::cout << "policy: " << base::to_ms(base::steady_now() - begin) << " ms\n";
  expect_refused(guest, kOutsideOther);
  expect_passes(guest, kOutsidePublic);
}

TEST_F(Egress, HoldsForANewAgentToo) {
  const Guest guest(a_);
  apply({.deny_internet = true, .allow = {block("198.51.100.7")}, .deny = {}});
  auto again = start_host_network(TestHost::config({1}));
  ASSERT_TRUE(again) << again.error().to_string();
  auto adopted = open_slot(*again, 1);
  ASSERT_TRUE(adopted) << adopted.error().to_string();
  expect_refused(guest, kOutsidePublic);
  expect_passes(guest, kOutsideOther);
  EXPECT_EQ(denials(*adopted).size(), 1u);
}

}  // namespace
}  // namespace wrenn::hostnet
