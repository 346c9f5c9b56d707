// Every call we make is held against Firecracker's own description of its API.
#include "vm/firecracker/request.h"

#include <gtest/gtest.h>

#include "vm/firecracker/test_contract.h"

namespace wrenn::vm::firecracker {
namespace {

namespace json = boost::json;

class FirecrackerRequest : public testing::Test {
 protected:
  std::string complaint(const ApiCall& call, Phase phase) const {
    return contract_.judge(call.method, call.path, call.body, phase).complaint;
  }
  // Allowed in one phase and in no other.
  void expect_only(const ApiCall& call, Phase phase) const {
    EXPECT_EQ(complaint(call, phase), "") << call.path << ' ' << call.body;
    const Phase other = phase == Phase::kBefore ? Phase::kAfter : Phase::kBefore;
    EXPECT_NE(complaint(call, other), "") << call.path;
  }
  void expect_always(const ApiCall& call) const {
    EXPECT_EQ(complaint(call, Phase::kBefore), "") << call.path << ' ' << call.body;
    EXPECT_EQ(complaint(call, Phase::kAfter), "") << call.path << ' ' << call.body;
  }

  const Contract contract_;
};

TEST_F(FirecrackerRequest, CallsAreOfTheContract) {
  expect_only(set_machine({.vcpus = 2, .memory_mb = 512}), Phase::kBefore);
  expect_only(set_machine({.vcpus = 32,
                           .memory_mb = 512,
                           .tracking = DirtyTracking::kOn,
                           .huge_pages = HugePages::k2M}),
              Phase::kBefore);
  EXPECT_NE(complaint(set_machine({.vcpus = 33, .memory_mb = 512}), Phase::kBefore), "");
  EXPECT_NE(complaint(set_machine({.vcpus = 0, .memory_mb = 512}), Phase::kBefore), "");
  expect_only(set_boot_source("/boot/vmlinux", "/boot/initramfs", "console=ttyS0"), Phase::kBefore);
  expect_only(set_disk("/vm/disk-0"), Phase::kBefore);
  expect_only(set_network_card("tap0"), Phase::kBefore);
  expect_only(set_entropy(), Phase::kBefore);
  expect_only(set_balloon(true), Phase::kBefore);
  expect_only(set_balloon(false), Phase::kBefore);
  expect_always(set_log("/vm/log"));
  expect_only(set_metadata_service(), Phase::kBefore);
  expect_always(set_metadata("sb-1"));
  expect_always(start());
  expect_always(set_running(Running::kPaused));
  expect_always(set_running(Running::kResumed));
  expect_only(change_disk("/vm/disk-1"), Phase::kAfter);
  expect_only(create_snapshot(SnapshotType::kFull, "/vm/a", "/vm/b"), Phase::kAfter);
  expect_only(create_snapshot(SnapshotType::kDiff, "/vm/a", "/vm/b"), Phase::kAfter);
  for (const bool by_new_name : {false, true}) {
    expect_only(load_snapshot({.state = "/vm/a",
                               .backend = MemoryBackend::kUffd,
                               .backend_path = "/vm/b",
                               .tracking = DirtyTracking::kOff,
                               .tracks_by_new_name = by_new_name}),
                Phase::kBefore);
  }
  expect_always(describe_instance());
  expect_always(describe_config());
  expect_always(describe_version());
}

// Numbers that people were promised.
TEST_F(FirecrackerRequest, AGuestSendsAtMostSoMuch) {
  const json::value body = json::parse(set_network_card("tap0").body);
  const json::value& limit = body.at("tx_rate_limiter").at("bandwidth");
  EXPECT_EQ(limit.at("size").as_int64(), 209'715'200);
  EXPECT_EQ(limit.at("refill_time").as_int64(), 1000);
  EXPECT_EQ(limit.at("one_time_burst").as_int64(), 104'857'600);
  EXPECT_FALSE(body.as_object().contains("rx_rate_limiter"));
}

TEST_F(FirecrackerRequest, NothingOfAValueEscapesItsText) {
  const ApiCall call = set_metadata(R"(a","b":"c)");
  EXPECT_EQ(json::parse(call.body).at("instanceID").as_string(), R"(a","b":"c)");
}

// The contract itself says no to what it should, or the rest of these tests would show nothing.
TEST_F(FirecrackerRequest, TheContractIsStrict) {
  const auto no = [this](std::string_view method, std::string_view path, std::string_view body,
                         std::string_view reason) {
    const Verdict verdict = contract_.judge(method, path, body, Phase::kBefore);
    EXPECT_EQ(verdict.status, 400) << body;
    EXPECT_NE(verdict.complaint.find(reason), std::string::npos) << verdict.complaint;
  };
  no("PUT", "/entropy", R"({"speed":1})", "unknown field `speed`");
  no("PUT", "/balloon", R"({"amount_mib":0})", "missing field `deflate_on_oom`");
  no("PUT", "/balloon", R"({"amount_mib":"0","deflate_on_oom":true})", "invalid type");
  no("PUT", "/actions", R"({"action_type":"Halt"})", "unknown variant");
  no("PUT", "/actions", "", "Empty");
  no("PUT", "/actions", "{", "deserializing");
  no("GET", "/version", "{}", "Empty body expected");
  no("POST", "/actions", R"({"action_type":"InstanceStart"})", "Invalid request method");
  no("PUT", "/drives/", R"({"drive_id":"","is_root_device":true})", "Invalid request method");
  no("PUT", "/drives/a", R"({"drive_id":"b","is_root_device":true})", "does not match");
  no("PUT", "/network-interfaces/eth0",
     R"({"iface_id":"eth0","host_dev_name":"tap0","tx_rate_limiter":{"bandwidth":{"size":-1,"refill_time":1}}})",
     "out of its range");
  EXPECT_TRUE(contract_.knows_status("PUT", "/entropy", 204));
  EXPECT_TRUE(contract_.knows_status("PUT", "/entropy", 500));
  EXPECT_FALSE(contract_.knows_status("PUT", "/entropy", 200));
  EXPECT_GT(contract_.operations().size(), 30u);
}

}  // namespace
}  // namespace wrenn::vm::firecracker
