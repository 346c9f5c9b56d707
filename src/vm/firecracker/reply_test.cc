#include "vm/firecracker/reply.h"

#include <gtest/gtest.h>

namespace wrenn::vm::firecracker {
namespace {

TEST(FirecrackerReply, WhyItRefused) {
  EXPECT_EQ(fault_in(R"({"fault_message":"no such drive"})"), "no such drive");
  EXPECT_EQ(fault_in(R"({ "error": "Too many open connections" })"), "Too many open connections");
  EXPECT_EQ(fault_in("{\"fault_message\":\"a\\nb\\u001b[31m\"}"), "a b [31m");
  EXPECT_EQ(fault_in(R"({"fault_message":")" + std::string(5000, 'x') + "\"}").size(), 400u);
  for (const auto* reply : {"", "no", "[]", "{}", R"({"fault_message":1})", "{"}) {
    EXPECT_EQ(fault_in(reply), "it gives no reason") << reply;
  }
}

TEST(FirecrackerReply, WhetherItRuns) {
  const auto state = [](std::string_view name) {
    return instance_state_in(R"({"app_name":"Firecracker","id":"a","vmm_version":"1","state":")" +
                             std::string(name) + "\"}");
  };
  EXPECT_EQ(state("Not started").value(), InstanceState::kNotStarted);
  EXPECT_EQ(state("Running").value(), InstanceState::kRunning);
  EXPECT_EQ(state("Paused").value(), InstanceState::kPaused);
  EXPECT_FALSE(state("running"));
  EXPECT_FALSE(instance_state_in("{}"));
  EXPECT_FALSE(instance_state_in(R"({"state":1})"));
  EXPECT_FALSE(instance_state_in(R"({"state":"Running"})" + std::string(kMaxReplyBytes, ' ')));
}

TEST(FirecrackerReply, WhatItsDiskIs) {
  const auto config = vm_config_in(
      R"({"drives":[{"drive_id":"other","path_on_host":"/vm/x"},
                    {"drive_id":"disk","path_on_host":"/vm/disk-3","is_root_device":true}],
          "machine-config":{"vcpu_count":1,"mem_size_mib":64,"track_dirty_pages":true}})");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->disk_file, "disk-3");
  EXPECT_TRUE(config->tracks_dirty_pages);
  const auto bare = vm_config_in(R"({"drives":[{"drive_id":"disk","path_on_host":"disk-0"}]})");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->disk_file, "disk-0");
  EXPECT_FALSE(bare->tracks_dirty_pages);
  for (const auto* reply : {"{}", R"({"drives":{}})", R"({"drives":[]})", R"({"drives":[1]})",
                            R"({"drives":[{"drive_id":"disk"}]})",
                            R"({"drives":[{"drive_id":"a","path_on_host":"b"}]})",
                            R"({"drives":[{"drive_id":"disk","path_on_host":"/vm/"}]})",
                            R"({"drives":[{"drive_id":"disk","path_on_host":"/vm/.."}]})",
                            R"({"drives":[{"drive_id":"disk","path_on_host":"/vm/a b"}]})",
                            R"({"drives":[{"drive_id":"disk","path_on_host":7}]})"}) {
    EXPECT_FALSE(vm_config_in(reply)) << reply;
  }
}

TEST(FirecrackerReply, WhichVersionItIs) {
  EXPECT_EQ(version_reply_in(R"({"firecracker_version":"1.13.1"})").value_or(""), "1.13.1");
  EXPECT_FALSE(version_reply_in("{}"));
  EXPECT_FALSE(version_reply_in(R"({"firecracker_version":")" + std::string(100, '1') + "\"}"));
}

}  // namespace
}  // namespace wrenn::vm::firecracker
