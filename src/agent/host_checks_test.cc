#include "agent/host_checks.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::concat;

// A machine that is files alone.
class HostChecksTest : public testing::Test {
 protected:
  void SetUp() override {
    write("proc/sys/net/ipv4/ip_forward", "1\n");
    write("proc/sys/net/ipv4/neigh/default/gc_thresh3", "16384\n");
    write("proc/sys/kernel/pid_max", "4194304\n");
    write("proc/sys/vm/overcommit_memory", "0\n");
    write("proc/cpuinfo", "flags\t\t: fpu sse\n");
    write("proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    write("dev/kvm", "");
  }
  void write(const std::string& name, const std::string& text) const {
    const base::Path path = dir_.path() / name;
    ASSERT_TRUE(base::make_dirs(path.parent_path()));
    ASSERT_TRUE(base::write_file_atomic(path, text));
  }
  Check find(const std::string& name) const {
    const KernelFiles files{dir_.path() / "proc", dir_.path() / "sys", dir_.path() / "dev"};
    const auto checks = check_host_settings(dir_.path(), files);
    const auto found = std::ranges::find(checks, name, &Check::name);
    return found == checks.end() ? Check{} : *found;
  }

  const base::TempDir dir_ = base::TempDir::create("/var/tmp").value();
};

TEST_F(HostChecksTest, AMachineThatIsSetWellIsGood) {
  for (const char* name : {"hardware virtualization", "kernel settings", "swap"}) {
    EXPECT_EQ(find(name).status, CheckStatus::kOk) << find(name).detail;
    EXPECT_FALSE(find(name).detail.empty());
    EXPECT_TRUE(find(name).remedy.empty());
  }
}

TEST_F(HostChecksTest, TellsAModuleThatIsNotLoadedFromAProcessorThatCannot) {
  std::filesystem::remove(dir_.path() / "dev/kvm");
  EXPECT_TRUE(find("hardware virtualization").remedy.contains("firmware"));
  write("proc/cpuinfo", "flags\t\t: fpu svm sse\n");
  EXPECT_EQ(find("hardware virtualization").status, CheckStatus::kWarn);
  EXPECT_TRUE(find("hardware virtualization").remedy.contains("modprobe"));
}

TEST_F(HostChecksTest, NamesEachSettingThatIsWrong) {
  write("proc/sys/net/ipv4/ip_forward", "0\n");
  write("proc/sys/net/ipv4/neigh/default/gc_thresh3", "1024\n");
  write("proc/sys/kernel/pid_max", "32768\n");
  write("proc/sys/vm/overcommit_memory", "2\n");
  const Check check = find("kernel settings");
  EXPECT_EQ(check.status, CheckStatus::kWarn);
  for (const char* setting :
       {"ip_forward", "gc_thresh3 is 1024", "pid_max is only 32768", "overcommit_memory is 2"}) {
    EXPECT_TRUE(check.detail.contains(setting)) << check.detail;
  }
  EXPECT_TRUE(check.remedy.contains("sysctl"));
}

TEST_F(HostChecksTest, SwapThatIsNotEncryptedIsNamed) {
  const std::string title = "Filename\tType\tSize\tUsed\tPriority\n";
  write("proc/swaps", title + "/dev/zram0 partition 100 0 100\n");
  EXPECT_EQ(find("swap").status, CheckStatus::kOk);
  write("dev/dm-3", "");
  write("sys/class/block/dm-3/dm/uuid", "CRYPT-PLAIN-swap\n");
  const std::string crypt = (dir_.path() / "dev/dm-3").native();
  write("proc/swaps", concat(title, crypt, " partition 100 0 -2\n"));
  EXPECT_EQ(find("swap").status, CheckStatus::kOk);
  write("proc/swaps", concat(title, crypt, " partition 100 0 -2\n/swapfile file 100 0 -3\n"));
  EXPECT_EQ(find("swap").status, CheckStatus::kWarn);
  EXPECT_TRUE(find("swap").detail.contains("/swapfile"));
  EXPECT_FALSE(find("swap").detail.contains("dm-3"));
}

TEST_F(HostChecksTest, ADiskThatRotatesIsNamed) {
  struct stat info{};
  ASSERT_EQ(::stat(dir_.path().c_str(), &info), 0);
  if (major(info.st_dev) == 0) GTEST_SKIP() << "/var/tmp is on no block device here";
  const std::string entry = concat("sys/dev/block/", major(info.st_dev), ":", minor(info.st_dev));
  write(entry + "/queue/rotational", "0\n");
  EXPECT_EQ(find("disk type").status, CheckStatus::kOk);
  write(entry + "/queue/rotational", "1\n");
  EXPECT_EQ(find("disk type").status, CheckStatus::kWarn);
  EXPECT_TRUE(find("disk type").remedy.contains("SSD"));
}

}  // namespace
}  // namespace wrenn::agent
