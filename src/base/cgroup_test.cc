#include "base/cgroup.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <gtest/gtest.h>

#include "base/jail.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

class CgroupDetect : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir);
    dir_.emplace(std::move(*dir));
  }
  Path group(const std::string& name) {
    EXPECT_TRUE(make_dirs(dir_->path() / name));
    return dir_->path() / name;
  }
  void mount_line(const Path& point, const std::string& type, const std::string& options,
                  const std::string& access = "rw") {
    lines_ += concat("36 25 0:31 / ", point.native(), " ", access, ",nosuid shared:9 - ", type, " ",
                     type, " ", options, "\n");
  }
  CgroupSupport detect() {
    const Path file = dir_->path() / "mountinfo";
    EXPECT_TRUE(write_file_atomic(file, lines_));
    return CgroupSupport::detect(file);
  }

 private:
  std::optional<TempDir> dir_;
  std::string lines_ = "22 1 0:21 / /proc rw,relatime - proc proc rw\n";
};

TEST_F(CgroupDetect, SaysThatNothingIsMounted) {
  const auto support = detect();
  EXPECT_FALSE(support.any());
  ASSERT_EQ(support.explanation.size(), 3u);
  EXPECT_EQ(support.explanation[0], "memory: not limited, because no cgroups are mounted");
}

TEST_F(CgroupDetect, FindsEachHierarchyOfV1) {
  const Path cpu = group("cpu,cpuacct");
  const Path memory = group("memory");
  mount_line(cpu, "cgroup", "rw,cpu,cpuacct");
  mount_line(memory, "cgroup", "rw,memory");
  const auto support = detect();
  EXPECT_EQ(support.memory, (CgroupHierarchy{CgroupVersion::kV1, memory}));
  EXPECT_EQ(support.cpu, (CgroupHierarchy{CgroupVersion::kV1, cpu}));
  EXPECT_EQ(support.cpu_usage, (CgroupHierarchy{CgroupVersion::kV1, cpu}));
  EXPECT_FALSE(support.pids);
  EXPECT_EQ(
      support.explanation[2],
      "number of processes: not limited, because no cgroup hierarchy has the pids controller");
}

TEST_F(CgroupDetect, MixesV1AndV2) {
  const Path unified = group("unified");
  const Path memory = group("memory");
  ASSERT_TRUE(write_file_atomic(unified / "cgroup.controllers", "hugetlb pids\n"));
  mount_line(memory, "cgroup", "rw,memory");
  mount_line(unified, "cgroup2", "rw");
  const auto support = detect();
  EXPECT_EQ(support.memory->version, CgroupVersion::kV1);
  EXPECT_EQ(support.pids, (CgroupHierarchy{CgroupVersion::kV2, unified}));
  EXPECT_EQ(support.cpu_usage->version, CgroupVersion::kV2);
  EXPECT_FALSE(support.cpu);
}

TEST_F(CgroupDetect, LeavesAReadOnlyHierarchyAlone) {
  const Path unified = group("unified");
  ASSERT_TRUE(write_file_atomic(unified / "cgroup.controllers", "memory cpu pids\n"));
  mount_line(unified, "cgroup2", "rw", "ro");
  const auto support = detect();
  EXPECT_FALSE(support.any());
  EXPECT_EQ(support.explanation[0],
            concat("memory: not limited, because ", unified.native(), " is read-only"));
}

TEST_F(CgroupDetect, SeesThatAContainersOwnGroupCannotHandDown) {
  const Path unified = group("unified");
  ASSERT_TRUE(write_file_atomic(unified / "cgroup.controllers", "memory\n"));
  ASSERT_TRUE(write_file_atomic(unified / "cgroup.type", "domain\n"));
  ASSERT_TRUE(write_file_atomic(unified / "cgroup.procs", "1\n"));
  mount_line(unified, "cgroup2", "rw");
  EXPECT_FALSE(detect().memory);
  ASSERT_TRUE(write_file_atomic(unified / "cgroup.subtree_control", "memory\n"));
  EXPECT_TRUE(detect().memory);
}

TEST(Cgroup, RefusesNamesThatLeaveTheHierarchy) {
  const CgroupSupport none;
  EXPECT_EQ(Cgroup::create(none, "..", "a", {}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Cgroup::create(none, "a", "b/c", {}).error().code, Code::kInvalidArgument);
}

TEST(Cgroup, WithoutAnyHierarchyEverythingIsANoOp) {
  auto group = Cgroup::create({}, "wrenn-none", "vm", {.memory_max_bytes = 1 << 20});
  ASSERT_TRUE(group);
  EXPECT_TRUE(group->procs_files().empty());
  EXPECT_FALSE(group->usage().memory_bytes);
  EXPECT_TRUE(group->kill_all());
  EXPECT_TRUE(group->remove());
}

class RealCgroup : public testing::Test {
 protected:
  void SetUp() override {
    support_ = CgroupSupport::detect();
    if (!support_.any()) GTEST_SKIP() << "this machine has no cgroups that may be changed";
    parent_ = concat("wrenn-test-", ::getpid());
  }
  void TearDown() override {
    if (parent_.empty()) return;
    EXPECT_TRUE(remove_cgroup_parent(support_, parent_));
  }
  Result<ChildProcess> start(const Cgroup& group, std::vector<std::string> argv) {
    JailSpec spec;
    spec.root = JailRoot::kHost;
    spec.argv = std::move(argv);
    spec.cgroup_procs = group.procs_files();
    return spawn(spec);
  }

  CgroupSupport support_;
  std::string parent_;
};

TEST_F(RealCgroup, LimitsAccountsAndKills) {
  const CgroupLimits limits{.memory_max_bytes = 64u << 20, .cpu_millis = 500, .pids_max = 20};
  auto group = Cgroup::create(support_, parent_, "vm", limits);
  ASSERT_TRUE(group) << group.error().to_string();
  EXPECT_EQ(list_cgroups(support_, parent_), std::vector<std::string>{"vm"});
  const auto child = start(*group, {"/bin/sh", "-c", "while :; do :; done"});
  ASSERT_TRUE(child) << child.error().to_string();
  EXPECT_EQ(reap(*child, std::chrono::milliseconds(300)).error().code, Code::kDeadlineExceeded);
  const auto usage = group->usage();
  if (support_.cpu_usage) {
    ASSERT_TRUE(usage.cpu_usec);
    EXPECT_GT(*usage.cpu_usec, 20'000u);
    if (support_.cpu) {
      EXPECT_LT(*usage.cpu_usec, 280'000u);
    }
  }
  if (support_.memory) {
    EXPECT_GT(usage.memory_bytes.value_or(0), 0u);
  }
  EXPECT_TRUE(group->kill_all());
  EXPECT_EQ(reap(*child, std::chrono::seconds(5))->signal, SIGKILL);
  EXPECT_TRUE(group->remove());
  EXPECT_TRUE(list_cgroups(support_, parent_).empty());
}

TEST_F(RealCgroup, KillsForHoggingMemory) {
  if (!support_.memory) GTEST_SKIP() << support_.explanation.front();
  auto group = Cgroup::create(support_, parent_, "hog", {.memory_max_bytes = 8u << 20});
  ASSERT_TRUE(group) << group.error().to_string();
  const auto child =
      start(*group, {"/bin/sh", "-c", "x=$(head -c 64M /dev/zero | tr '\\0' x); echo ${#x}"});
  ASSERT_TRUE(child) << child.error().to_string();
  const auto status = reap(*child, std::chrono::seconds(10));
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_EQ(status->signal, SIGKILL);
}

TEST_F(RealCgroup, OutlivesItsOwnerWhenReleasedAndIsAdopted) {
  auto group = Cgroup::create(support_, parent_, "vm", {});
  ASSERT_TRUE(group) << group.error().to_string();
  const auto child = start(*group, {"/bin/sleep", "60"});
  ASSERT_TRUE(child) << child.error().to_string();
  group->release();
  {
    const Cgroup adopted = Cgroup::adopt(support_, parent_, "vm");
    EXPECT_EQ(adopted.procs_files().empty(), false);
    EXPECT_TRUE(is_alive(child->identity));
  }
  EXPECT_EQ(reap(*child, std::chrono::seconds(5))->signal, SIGKILL);
  EXPECT_TRUE(Cgroup::adopt(support_, parent_, "vm").procs_files().empty());
}

}  // namespace
}  // namespace wrenn::base
