// The driver with real processes in real jails. In Firecracker's place runs the test server of
// test_vmm.h, which holds every call against Firecracker's description of its API: there is no
// guest in it. Where Firecracker itself is installed, that is driven, too, as far as the machine
// lets it.
#include "vm/firecracker/firecracker.h"

#include "vm/firecracker/test_driver.h"

namespace wrenn::vm::firecracker {
namespace {

TEST_F(FirecrackerTest, BootsWithEverythingAVmIsMadeOf) {
  TestVm& vm = make_vm("vm");
  const auto booted = boot(vm, *driver_);
  ASSERT_TRUE(booted) << booted.error().to_string();
  const std::string made = calls(vm);
  std::size_t at = 0;
  for (const auto* call :
       {"PUT /logger", "PUT /machine-config", "PUT /boot-source", "PUT /drives/disk",
        "PUT /entropy", "PUT /balloon", "PUT /network-interfaces/eth0", "PUT /mmds/config",
        "PUT /mmds ", "PUT /actions"}) {
    const auto found = made.find(call, at);
    ASSERT_NE(found, std::string::npos) << call << " is missing or too early in\n" << made;
    at = found;
  }
  EXPECT_EQ(made.find(" 400\n"), std::string::npos) << made;
  EXPECT_NE(made.find(R"("size":209715200)"), std::string::npos);
  EXPECT_NE(made.find(R"("free_page_reporting":true)"), std::string::npos);
  EXPECT_NE(made.find(R"("instanceID":"sb_vm")"), std::string::npos);
  EXPECT_EQ(wait(driver_->current_disk(vm.spec)).value_or(""), "disk-0");
  EXPECT_FALSE(wait(driver_->is_merging(vm.spec)).value());
  EXPECT_TRUE(wait(driver_->cancel_merge(vm.spec)));
  EXPECT_EQ(wait(driver_->start_merge(vm.spec, 0)).error().code, Code::kUnimplemented);
  // It runs as its own user, with none of our privileges.
  const auto status =
      base::read_file(concat("/proc/", vm.process->identity.pid, "/status")).value_or("");
  EXPECT_NE(status.find(concat("Uid:\t", vm.spec.uid, '\t')), std::string::npos);
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(status.find("CapBnd:\t0000000000000000"), std::string::npos);
  // Nothing of the host is in its root but what it was given.
  std::string names;
  for (const auto& entry :
       std::filesystem::directory_iterator(concat("/proc/", vm.process->identity.pid, "/root"))) {
    names += concat(entry.path().filename().native(), ' ');
  }
  EXPECT_EQ(names.find("home"), std::string::npos) << names;
  EXPECT_EQ(names.find("proc"), std::string::npos) << names;
}

TEST_F(FirecrackerTest, StopsAndGoesOnAndIsFoundByANewDriver) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  fill(vm, 1, 1, 7);
  ASSERT_TRUE(wait(driver_->stop(vm.spec)));
  ASSERT_TRUE(wait(driver_->stop(vm.spec))) << "twice is fine";
  // What a Firecracker that minds would say is looked at.
  set_fault(vm, "PATCH /vm refuse 0");
  ASSERT_TRUE(wait(driver_->stop(vm.spec))) << "it stands still already";
  EXPECT_EQ(wait(driver_->go_on(vm.spec)).error().code, Code::kFailedPrecondition);
  set_fault(vm, "");
  // Nothing about a VM is in the driver.
  driver_ = make_driver();
  ASSERT_TRUE(wait(driver_->go_on(vm.spec)));
  ASSERT_TRUE(wait(driver_->go_on(vm.spec)));
  EXPECT_EQ(wait(driver_->current_disk(vm.spec)).value_or(""), "disk-0");
  EXPECT_EQ(guest(vm, "look 1"), "7");
  kill(vm);
  EXPECT_EQ(wait(driver_->stop(vm.spec)).error().code, Code::kUnavailable);
}

TEST_F(FirecrackerTest, TheConsoleIsBoundedAndNeverHoldsAGuestUp) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  EXPECT_EQ(guest(vm, "print hello"), "6");
  EXPECT_EQ(wait(driver_->console(vm.spec)).value_or("?"), "hello\n");
  EXPECT_EQ(wait(driver_->console(vm.spec)).value_or("?"), "");
  const std::string line = concat("print ", std::string(900, 'x'));
  for (int i = 0; i < 200; ++i) guest(vm, line);
  EXPECT_EQ(guest(vm, line), "-1") << "what does not fit is lost at once";
  const auto kept = wait(driver_->console(vm.spec));
  ASSERT_TRUE(kept);
  EXPECT_GT(kept->size(), 50'000u);
  EXPECT_LE(kept->size(), 64u * 1024);
  EXPECT_EQ(guest(vm, "print again"), "6");
  EXPECT_EQ(wait(driver_->console(vm.spec)).value_or("?"), "again\n");
  // What it puts in the pipe's place is not read.
  const base::Path pipe = vm.spec.directory / kConsolePipe;
  std::filesystem::remove(pipe);
  std::filesystem::create_symlink("/etc/passwd", pipe);
  EXPECT_FALSE(wait(driver_->console(vm.spec)));
}

TEST_F(FirecrackerTest, ADiskIsSwitchedToItsCopy) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  ASSERT_TRUE(wait(driver_->stop(vm.spec)));
  make_disk(vm, "disk-1");
  EXPECT_EQ(wait(driver_->switch_disk(vm.spec, "disk-2")).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(wait(driver_->switch_disk(vm.spec, "../disk")).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(wait(driver_->switch_disk(vm.spec, "disk-1")));
  EXPECT_EQ(wait(driver_->current_disk(vm.spec)).value_or(""), "disk-1");
  const auto saved = save(*driver_, vm, {}, 0);
  ASSERT_TRUE(saved) << saved.error().to_string();
  // A clone's disk may be called otherwise.
  TestVm& clone = make_vm("clone");
  const auto restored = restore(*driver_, clone, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(wait(driver_->current_disk(clone.spec)).value_or(""), "disk-0");
}

TEST_F(FirecrackerTest, AnOverlayIsRefused) {
  TestVm& vm = make_vm("vm");
  vm.spec.disk_format = DiskFormat::kQcow2;
  const auto refused = boot(vm, *driver_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(refused.error().remedy.empty());
  vm.spec.disk_format = DiskFormat::kRaw;
  vm.spec.vcpus = 33;
  EXPECT_EQ(boot(vm, *driver_).error().code, Code::kInvalidArgument);
}

TEST_F(FirecrackerTest, WhatFailsLeavesNoProcessAndSaysWhy) {
  struct Case {
    const char* name;
    const char* fault;
    Code code;
    const char* words;
  };
  for (const Case& one :
       {Case{"refused", "PUT /entropy refuse 0", Code::kFailedPrecondition, "it was told to"},
        Case{"dropped", "PUT /balloon drop 0", Code::kUnavailable, "/balloon"},
        Case{"garbled", "PUT /machine-config garbage 0", Code::kInternal, "/machine-config"},
        Case{"died", "PUT /actions die 0", Code::kUnavailable, "/actions"}}) {
    TestVm& vm = make_vm(one.name);
    set_fault(vm, one.fault);
    const auto booted = boot(vm, *driver_);
    ASSERT_FALSE(booted) << one.name;
    EXPECT_EQ(booted.error().code, one.code) << booted.error().to_string();
    EXPECT_NE(booted.error().message.find(one.words), std::string::npos) << booted.error().message;
    EXPECT_TRUE(are_all_gone(vm.spec.uid)) << one.name;
  }
  TestVm& vm = make_vm("dies");
  ASSERT_TRUE(base::write_file_atomic(vm.spec.directory / "die", ""));
  const auto booted = boot(vm, *driver_);
  ASSERT_FALSE(booted);
  EXPECT_NE(booted.error().message.find("it said: it was told to die"), std::string::npos)
      << booted.error().message;
}

TEST_F(FirecrackerTest, WhichProgramsAreUsed) {
  const auto binary = test_binary();
  ASSERT_TRUE(binary) << binary.error().to_string();
  EXPECT_EQ(binary->version, "1.17.0");
  EXPECT_EQ(binary->snapshot_format, kTestSnapshotVersion);
  EXPECT_FALSE(binary->is_static);
  EXPECT_EQ(test_binary("firecracker-old").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(find_binary(dir_->path() / "nowhere").error().code, Code::kNotFound);
  const base::Path path = dir_->path() / "firecracker";
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  EXPECT_EQ(find_binary(path).error().code, Code::kFailedPrecondition) << "anybody may change it";
  ASSERT_TRUE(base::write_file_atomic(path, "#!/bin/sh\n", 0755));
  EXPECT_EQ(find_binary(path).error().code, Code::kInvalidArgument);
}

// The real one, where it is installed. Without KVM it gets as far as InstanceStart.
TEST_F(FirecrackerTest, TheRealOneWhereItIsInstalled) {
  const char* named = std::getenv("WRENN_FIRECRACKER_BIN");
  const base::Path path = named != nullptr ? named : "/usr/local/bin/firecracker";
  auto binary = find_binary(path);
  if (!binary && binary.error().code == Code::kNotFound) {
    GTEST_SKIP() << "Firecracker itself is not installed here: only the test server was driven";
  }
  ASSERT_TRUE(binary) << binary.error().to_string();
  const bool has_kvm = make_firecracker_devices(dir_->path()).has_value();
  Firecracker driver(*std::move(binary),
                     {.device_dir = dir_->path(), .page_handler = WRENN_PAGE_HANDLER}, pool_);
  TestVm& vm = make_vm("vm");
  vm.spec.memory_mb = 128;
  const auto booted = boot(vm, driver);
  // There is no kernel in the file: the call that starts it is the one that says so.
  ASSERT_FALSE(booted);
  std::cout << "Firecracker " << driver.version() << (has_kvm ? ", KVM" : ", no KVM") << ": "
            << booted.error().message << '\n';
  EXPECT_NE(booted.error().message.find("/actions"), std::string::npos);
  EXPECT_TRUE(are_all_gone(vm.spec.uid));
}

}  // namespace
}  // namespace wrenn::vm::firecracker
