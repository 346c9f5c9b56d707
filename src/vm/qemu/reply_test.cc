#include "vm/qemu/reply.h"

#include <gtest/gtest.h>

namespace wrenn::vm {
namespace {

TEST(QemuReply, WhereTheMemoryIs) {
  const auto address =
      memory_address_in(R"("Host virtual address for 0x0 (mem) is 0x7f1234567000\r\n")");
  ASSERT_TRUE(address);
  EXPECT_EQ(*address, 0x7f1234567000u);
  for (const auto* reply :
       {R"("No memory is mapped at address 0x0\r\n")", R"("... is 0x0")", R"("... is 0xz")",
        R"("... is 0x11112222333344445")", R"({"is 0x":1})", "", "{"}) {
    EXPECT_FALSE(memory_address_in(reply)) << reply;
  }
}

TEST(QemuReply, WhichFileADiskIs) {
  EXPECT_EQ(disk_file_in(R"x("disk (disk-1): json:{\"a\": \"/b (c): \"} (qcow2)\r\n  ...")x")
                .value_or(""),
            "disk-1");
  EXPECT_EQ(disk_file_in(R"x("disk (#block042): /vm/disk-0 (raw)\r\n  At: /x (y)")x").value_or(""),
            "disk-0");
  for (const auto* reply :
       {"[]", R"x("")x", R"x("disk: [not inserted]")x", R"x("disk (): /vm/disk-0 (raw)")x",
        R"x("disk (a/b): /vm/disk-0 (raw)")x", R"x("disk (#block042): /vm/ (raw)")x",
        R"x("disk (#block042): json:{/vm/disk-1} (raw)")x", R"x("disk (#block042): ")x",
        R"x("Device 'disk' not found")x", "", "["}) {
    EXPECT_FALSE(disk_file_in(reply)) << reply;
  }
}

TEST(QemuReply, WhetherThereAreJobs) {
  EXPECT_FALSE(has_jobs("[]").value());
  EXPECT_TRUE(has_jobs(R"([{"device":"merge","status":"running"}])").value());
  EXPECT_FALSE(has_jobs("{}"));
  EXPECT_FALSE(has_jobs(""));
}

TEST(QemuReply, WhatTheConsoleSays) {
  EXPECT_EQ(console_in(R"("a\nb")").value_or("?"), "a\nb");
  EXPECT_EQ(console_in(R"("")").value_or("?"), "");
  EXPECT_FALSE(console_in("{}"));
  EXPECT_FALSE(console_in(""));
}

}  // namespace
}  // namespace wrenn::vm
