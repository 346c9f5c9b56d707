// Memories of VMs, saved and restored: by files, by page faults, whole and broken. See
// firecracker_test.cc.
#include "net/scope.h"
#include "vm/firecracker/handshake.h"
#include "vm/firecracker/memory_file.h"
#include "vm/firecracker/saved_state.h"
#include "vm/firecracker/test_driver.h"

namespace wrenn::vm::firecracker {
namespace {

TEST_F(FirecrackerTest, MemoryIsSavedAgainAndAgainAndClonesHaveIt) {
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver_));
  fill(first, 10, 50, 1);
  fill(first, 3000, 20, 2);
  const auto one = save(*driver_, first, {}, 0);
  ASSERT_TRUE(one) << one.error().to_string();
  EXPECT_TRUE(is_plain(one->map));
  // Changes after a save are of the next one only.
  fill(first, 10, 5, 9);

  TestVm& second = make_vm("second");
  const auto restored = restore(*driver_, second, *one);
  ASSERT_TRUE(restored) << restored.error().to_string();
  expect_memory(second, one->expected);
  EXPECT_NE(calls(second).find(R"("backend_type":"File","backend_path":"/memory")"),
            std::string::npos)
      << calls(second);
  EXPECT_NE(calls(second).find(R"("instanceID":"sb_second")"), std::string::npos);
  fill(second, 12, 4, 0);  // Became zero.
  fill(second, 100, 3, 4);
  const auto two = save(*driver_, second, *one, 1);
  ASSERT_TRUE(two) << two.error().to_string();
  EXPECT_NE(calls(second).find(R"("snapshot_type":"Diff")"), std::string::npos);
  EXPECT_EQ(two->map.layer_count, 2);
  struct stat info{};
  ASSERT_EQ(::stat(two->image.layers[1].c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 64 << 10) << "what changed only";
  // Another save of the same VM has what changed since its start, not since the last save.
  fill(second, 200, 2, 5);
  const auto three = save(*driver_, second, *one, 1);
  ASSERT_TRUE(three) << three.error().to_string();

  for (const auto loading : {MemoryLoading::kAuto, MemoryLoading::kUffd}) {
    const auto driver = make_driver(loading);
    for (const auto* saved : {&*two, &*three}) {
      TestVm& clone = make_vm(concat("clone-", vms_.size()));
      const auto again = restore(*driver, clone, *saved);
      ASSERT_TRUE(again) << again.error().to_string();
      expect_memory(clone, saved->expected);
      const bool is_file = loading == MemoryLoading::kAuto && shares_blocks_;
      EXPECT_EQ(calls(clone).find(R"("backend_type":"File")") != std::string::npos, is_file);
      kill(clone);
      EXPECT_TRUE(are_all_gone(clone.spec.uid)) << "who serves pages ends with the VM";
    }
  }
}

TEST_F(FirecrackerTest, ASaveThatTakesThePlaceOfLayersHasAllOfThem) {
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver_));
  fill(first, 0, 100, 1);
  auto saved = save(*driver_, first, {}, 0);
  ASSERT_TRUE(saved) << saved.error().to_string();
  for (int layer = 1; layer <= 3; ++layer) {
    TestVm& vm = make_vm(concat("vm-", layer));
    ASSERT_TRUE(restore(*driver_, vm, *saved));
    fill(vm, static_cast<std::size_t>(layer) * 500, 30, layer + 1);
    saved = save(*driver_, vm, *saved, layer < 3 ? layer : 1);
    ASSERT_TRUE(saved) << saved.error().to_string();
    kill(vm);
  }
  EXPECT_EQ(saved->map.layer_count, 2);
  TestVm& clone = make_vm("clone");
  const auto restored = restore(*driver_, clone, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  expect_memory(clone, saved->expected);
}

TEST_F(FirecrackerTest, ASaveThatNobodySawTheEndOfIsMadeGoodByTheNext) {
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver_));
  const auto base = save(*driver_, first, {}, 0);
  ASSERT_TRUE(base);
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(restore(*driver_, vm, *base));
  fill(vm, 40, 10, 3);
  ASSERT_TRUE(wait(driver_->stop(vm.spec)));
  // Firecracker writes it, and forgets what was dirty; its answer does not arrive.
  set_fault(vm, "PUT /snapshot/create delay 1500");
  const auto cut =
      wait(net::with_timeout(std::chrono::milliseconds(300), driver_->save_devices(vm.spec)));
  EXPECT_EQ(cut.error().code, Code::kDeadlineExceeded);
  set_fault(vm, "");
  ASSERT_TRUE(wait(driver_->go_on(vm.spec)));
  fill(vm, 60, 10, 4);
  const auto saved = save(*driver_, vm, *base, 1);
  ASSERT_TRUE(saved) << saved.error().to_string();
  EXPECT_EQ(saved->expected, expected_);
  TestVm& clone = make_vm("clone");
  ASSERT_TRUE(restore(*driver_, clone, *saved));
  expect_memory(clone, saved->expected);
}

TEST_F(FirecrackerTest, PagesComeOneByOneAndGoWithTheBalloon) {
  const auto driver = make_driver(MemoryLoading::kUffd);
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver));
  fill(first, 0, 200, 6);
  const auto saved = save(*driver, first, {}, 0);
  ASSERT_TRUE(saved) << saved.error().to_string();
  TestVm& vm = make_vm("vm");
  const auto restored = restore(*driver, vm, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  // Who serves does not need whoever started it.
  driver_.reset();
  EXPECT_EQ(guest(vm, "look 3"), "6");
  EXPECT_EQ(guest(vm, "look 3000"), "0");
  EXPECT_EQ(guest(vm, "discard 100 20"), "done");
  EXPECT_EQ(guest(vm, "look 110"), "0");
  EXPECT_EQ(guest(vm, "look 99"), "6");
  fill(vm, 105, 1, 8);
  EXPECT_EQ(guest(vm, "look 105"), "8");
  for (std::size_t page = 120; page < 200; ++page) {
    ASSERT_EQ(guest(vm, concat("look ", page)), "6") << page;
  }
  EXPECT_GE(processes_of(vm.spec.uid), 2);
}

TEST_F(FirecrackerTest, PagesThatAGuestTouchesFirstComeBeforeItAsks) {
  const auto driver = make_driver(MemoryLoading::kUffd);
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver));
  fill(first, 0, 200, 6);
  auto saved = save(*driver, first, {}, 0);
  ASSERT_TRUE(saved);
  saved->image.working_set = dir_->path() / "wanted";
  ASSERT_TRUE(base::write_file_atomic(saved->image.working_set, to_bytes(PageList{150, 60})));
  TestVm& vm = make_vm("vm");
  const auto restored = restore(*driver, vm, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  ::usleep(300'000);
  // What is there needs its layer no more.
  ASSERT_EQ(::truncate(saved->image.layers[0].c_str(), kPage), 0);
  EXPECT_EQ(guest(vm, "look 150"), "6");
  EXPECT_EQ(guest(vm, "look 60"), "6");
  EXPECT_EQ(guest(vm, "look 61"), "no answer");
}

// A page that nobody brings stops a guest for ever, which nobody would notice.
TEST_F(FirecrackerTest, AVmEndsWithWhoServesItsPages) {
  const auto driver = make_driver(MemoryLoading::kUffd);
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver));
  fill(first, 0, 200, 6);
  const auto saved = save(*driver, first, {}, 0);
  ASSERT_TRUE(saved);
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(restore(*driver, vm, *saved));
  // Its layer loses what the guest has not asked for yet.
  ASSERT_EQ(::truncate(saved->image.layers[0].c_str(), kPage), 0);
  EXPECT_EQ(guest(vm, "look 150"), "no answer");
  EXPECT_TRUE(base::wait_gone(vm.process->identity, 5000));
  kill(vm);
  EXPECT_TRUE(are_all_gone(vm.spec.uid));
}

TEST_F(FirecrackerTest, AMemoryThatIsNotWholeOrNotOursIsNotRestored) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  fill(vm, 0, 200, 6);
  const auto good = save(*driver_, vm, {}, 0);
  ASSERT_TRUE(good);
  int number = 0;
  const auto refusal = [&](const Saved& saved, Firecracker& driver) {
    TestVm& clone = make_vm(concat("clone-", ++number));
    const auto restored = restore(driver, clone, saved);
    EXPECT_FALSE(restored);
    EXPECT_TRUE(are_all_gone(clone.spec.uid));
    return restored ? Code::kUnknown : restored.error().code;
  };
  Saved bad = *good;
  bad.image.layers.clear();
  EXPECT_EQ(refusal(bad, *driver_), Code::kDataLoss);
  bad = *good;
  bad.image.map = dir_->path() / "other";
  ASSERT_TRUE(
      base::write_file_atomic(bad.image.map, to_bytes(MemoryMap::zero(kPages * kPage / 2))));
  EXPECT_EQ(refusal(bad, *driver_), Code::kDataLoss);
  bad = *good;
  bad.devices = dir_->path() / "kernel";
  EXPECT_EQ(refusal(bad, *driver_), Code::kDataLoss);
  // What Firecracker itself refuses.
  bad = *good;
  bad.devices = dir_->path() / "odd";
  ASSERT_TRUE(base::write_file_atomic(dir_->path() / "nonsense", "nonsense"));
  ASSERT_TRUE(keep_state(dir_->path() / "nonsense",
                         {.format = std::string(kTestSnapshotVersion),
                          .version = "1.17.0",
                          .disk_file = "disk-0",
                          .bytes = 0},
                         bad.devices));
  EXPECT_EQ(refusal(bad, *driver_), Code::kFailedPrecondition);
  // Of another Firecracker.
  const auto other = make_driver(MemoryLoading::kAuto, "firecracker-other");
  EXPECT_EQ(refusal(*good, *other), Code::kFailedPrecondition);
  TestVm& clone = make_vm("good");
  EXPECT_TRUE(restore(*driver_, clone, *good));
}

TEST_F(FirecrackerTest, HugePagesThatTheHostDoesNotHaveAreMissedAtOnce) {
  const auto free =
      base::read_file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").value_or("0");
  if (base::trim(free) != "0") GTEST_SKIP() << "the machine has set huge pages aside";
  Firecracker driver(test_binary().value(),
                     {.device_dir = dir_->path(),
                      .page_handler = WRENN_PAGE_HANDLER,
                      .loading = MemoryLoading::kAuto,
                      .huge_pages = HugePages::k2M},
                     pool_);
  TestVm& vm = make_vm("vm");
  const auto booted = boot(vm, driver);
  ASSERT_FALSE(booted);
  EXPECT_EQ(booted.error().code, Code::kResourceExhausted);
  EXPECT_NE(booted.error().remedy.find("nr_hugepages"), std::string::npos);
}

}  // namespace
}  // namespace wrenn::vm::firecracker
