#include "agent/hypervisor_choice.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

using base::Code;

HypervisorFacts all_there() {
  return {.has_kvm = true,
          .why_no_raw_disks = {},
          .firecracker = "1.13.1",
          .why_no_firecracker = {},
          .running = {}};
}
HypervisorWish wish_for(HypervisorKind kind) {
  HypervisorWish wish;
  wish.kind = kind;
  return wish;
}

TEST(HypervisorChoice, FirecrackerWhereItCanDoEverything) {
  const auto choice = choose_hypervisor({}, all_there());
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->kind, HypervisorKind::kFirecracker);
  EXPECT_NE(choice->explanation.find("1.13.1"), std::string::npos);
}

TEST(HypervisorChoice, QemuElsewhereAndWhy) {
  HypervisorFacts no_kvm = all_there();
  no_kvm.has_kvm = false;
  HypervisorFacts no_sharing = all_there();
  no_sharing.why_no_raw_disks = "files do not share blocks";
  HypervisorFacts none = all_there();
  none.firecracker.clear();
  none.why_no_firecracker = "there is no /usr/local/bin/firecracker";
  for (const auto& [facts, word] : {std::pair{no_kvm, "KVM"},
                                    {no_sharing, "share blocks"},
                                    {none, "/usr/local/bin/firecracker"}}) {
    const auto choice = choose_hypervisor({}, facts);
    ASSERT_TRUE(choice) << word;
    EXPECT_EQ(choice->kind, HypervisorKind::kQemu);
    EXPECT_NE(choice->explanation.find(word), std::string::npos) << choice->explanation;
    // Who asks for it is told the same.
    const auto refused = choose_hypervisor(wish_for(HypervisorKind::kFirecracker), facts);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    EXPECT_NE(refused.error().message.find(word), std::string::npos) << refused.error().message;
    EXPECT_FALSE(refused.error().remedy.empty());
  }
}

TEST(HypervisorChoice, WhatIsAskedFor) {
  EXPECT_EQ(choose_hypervisor(wish_for(HypervisorKind::kQemu), all_there())->kind,
            HypervisorKind::kQemu);
  EXPECT_EQ(choose_hypervisor(wish_for(HypervisorKind::kFirecracker), all_there())->kind,
            HypervisorKind::kFirecracker);
}

TEST(HypervisorChoice, SandboxesThatRunStayWhereTheyAre) {
  HypervisorFacts facts = all_there();
  facts.running = {"qemu"};
  const auto same = choose_hypervisor({}, facts);
  ASSERT_TRUE(same);
  EXPECT_EQ(same->kind, HypervisorKind::kQemu);
  EXPECT_EQ(choose_hypervisor(wish_for(HypervisorKind::kQemu), facts)->kind, HypervisorKind::kQemu);
  const auto other = choose_hypervisor(wish_for(HypervisorKind::kFirecracker), facts);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().remedy.find("--hypervisor qemu"), std::string::npos);
  facts.running = {"firecracker"};
  EXPECT_EQ(choose_hypervisor({}, facts)->kind, HypervisorKind::kFirecracker);
  facts.has_kvm = false;
  EXPECT_FALSE(choose_hypervisor({}, facts)) << "what they run under cannot be used";
  facts.running = {"firecracker", "qemu"};
  EXPECT_FALSE(choose_hypervisor({}, facts));
}

}  // namespace
}  // namespace wrenn::agent
