// What an agent does with the remains of its predecessor; no VM is needed for it.
#include "agent/recovery.h"

#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "agent/start_vm.h"
#include "base/id.h"
#include "base/jail.h"
#include "storage/manifest.h"

namespace wrenn::agent {
namespace {

class RecoveryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it runs processes as other users";
    ASSERT_TRUE(dir_);
    ASSERT_TRUE(config_.layout.create());
  }

  // A process that stands for the VM of a slot: it runs as the slot's user.
  base::ChildProcess start_process(hostnet::SlotIndex slot) {
    const uid_t uid = config_.sandbox_uid(slot);
    base::JailSpec spec;
    spec.argv = {"/bin/sleep", "60"};
    spec.root = base::JailRoot::kHost;
    spec.credentials = base::Credentials{uid, uid, {}};
    return base::spawn(spec).value();
  }

  // One that runs on its second checkpoint, with something of its VM on disk.
  storage::SandboxManifest write_sandbox(storage::StoredState state,
                                         const base::ProcessIdentity& process,
                                         const std::string& boot_id = host_boot_id()) {
    storage::SandboxManifest manifest;
    manifest.id = base::new_id(base::kSandboxPrefix);
    manifest.template_name = "minimal";
    manifest.state = state;
    manifest.disk_mb = 5120;
    manifest.slot = 3;
    manifest.uid = config_.sandbox_uid(3);
    manifest.process = process;
    manifest.created_unix_ms = 1;
    manifest.checkpoint = 1;
    manifest.boot_id = boot_id;
    const base::Path directory = directory_of(manifest);
    for (const char* part : {"checkpoints/1", "checkpoints/2", "vm"}) {
      EXPECT_TRUE(base::make_dirs(directory / part));
    }
    EXPECT_TRUE(storage::write_manifest(directory / storage::kManifestFile, manifest));
    return manifest;
  }

  base::Path directory_of(const storage::SandboxManifest& manifest) {
    return config_.layout.sandboxes_dir() / manifest.id;
  }
  bool has(const storage::SandboxManifest& manifest, const char* part) {
    return std::filesystem::exists(directory_of(manifest) / part);
  }

  std::size_t sandboxes_on_disk() { return config_.layout.list_sandboxes().value().size(); }

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  AgentConfig config_{dir_->path()};
};

TEST_F(RecoveryTest, ARunningVmIsKeptAndWhatNobodyWasToldOfGoes) {
  const auto running = start_process(3);
  const auto kept = write_sandbox(storage::StoredState::kRunning, running.identity);
  const auto half_made = start_process(4);
  ASSERT_TRUE(base::make_dirs(config_.layout.sandboxes_dir() / "cl-without-manifest"));
  ASSERT_TRUE(base::make_dirs(config_.layout.sandboxes_dir() / "copy.tmp-0123456789ab"));

  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered) << recovered.error().message;
  ASSERT_EQ(recovered->running.size(), 1u);
  EXPECT_EQ(recovered->running.front().id, kept.id);
  EXPECT_TRUE(base::is_alive(running.identity));
  EXPECT_FALSE(base::is_alive(half_made.identity));
  EXPECT_EQ(sandboxes_on_disk(), 1u);
  EXPECT_TRUE(has(kept, "checkpoints/1"));
  EXPECT_FALSE(has(kept, "checkpoints/2")) << "a pause that was not finished is undone";
  EXPECT_TRUE(has(kept, "vm"));

  ASSERT_TRUE(base::signal_process(running.identity, SIGKILL));
  EXPECT_TRUE(base::reap(running, std::chrono::seconds(5)));
  (void)base::reap(half_made, std::chrono::seconds(5));
}

// What serves a VM's page faults runs as the VM's user, and no manifest speaks of it.
TEST_F(RecoveryTest, WhatServesAVmIsKeptWithIt) {
  const auto running = start_process(3);
  const auto helper = start_process(3);
  write_sandbox(storage::StoredState::kRunning, running.identity);
  ASSERT_TRUE(recover(config_));
  EXPECT_TRUE(base::is_alive(running.identity));
  EXPECT_TRUE(base::is_alive(helper.identity));
  for (const auto* one : {&running, &helper}) {
    ASSERT_TRUE(base::signal_process(one->identity, SIGKILL));
    EXPECT_TRUE(base::reap(*one, std::chrono::seconds(5)));
  }
}

TEST_F(RecoveryTest, OnlyWhatIsNobodysIsCalledSoWhenAllIsEnded) {
  const auto running = start_process(3);
  write_sandbox(storage::StoredState::kRunning, running.identity);
  testing::internal::CaptureStdout();  // Where logs of tests go.
  const auto first = purge(config_);
  std::string said = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(first) << first.error().message;
  EXPECT_FALSE(base::is_alive(running.identity));
  EXPECT_EQ(said.find("belongs to no sandbox"), std::string::npos) << said;
  EXPECT_EQ(sandboxes_on_disk(), 0u);

  const auto half_made = start_process(4);
  testing::internal::CaptureStdout();
  EXPECT_TRUE(purge(config_));
  said = testing::internal::GetCapturedStdout();
  EXPECT_FALSE(base::is_alive(half_made.identity));
  EXPECT_NE(said.find("belongs to no sandbox"), std::string::npos) << said;
  for (const auto* one : {&running, &half_made}) (void)base::reap(*one, std::chrono::seconds(5));
}

TEST_F(RecoveryTest, WhatAVmHadWrittenIsKeptWhenItDied) {
  const auto dead = write_sandbox(storage::StoredState::kRunning, {1 << 22, 1});
  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered);
  ASSERT_EQ(recovered->ended.size(), 1u);
  EXPECT_EQ(recovered->ended.front().reason, "vm_ended");
  EXPECT_TRUE(has(dead, "vm"));
  EXPECT_TRUE(has(dead, "checkpoints/1"));
}

TEST_F(RecoveryTest, AfterARestartOfTheMachineItIsAsItWasPausedLast) {
  const auto before = write_sandbox(storage::StoredState::kRunning, {1 << 22, 1}, "another-boot");
  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered);
  ASSERT_EQ(recovered->paused.size(), 1u);
  EXPECT_EQ(recovered->paused.front().reason, "host_restarted");
  EXPECT_FALSE(has(before, "vm"));
  EXPECT_TRUE(has(before, "checkpoints/1"));
  const auto again = recover(config_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->paused.size(), 1u) << "it is written down";
}

TEST_F(RecoveryTest, APausedOneKeepsItsCheckpointAlone) {
  const auto process = start_process(3);  // Its VM: the agent died before it ended it.
  const auto paused = write_sandbox(storage::StoredState::kPaused, process.identity);
  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered);
  ASSERT_EQ(recovered->paused.size(), 1u);
  EXPECT_FALSE(base::is_alive(process.identity));
  (void)base::reap(process, std::chrono::seconds(5));
  EXPECT_TRUE(has(paused, "checkpoints/1"));
  EXPECT_FALSE(has(paused, "checkpoints/2"));
  EXPECT_FALSE(has(paused, "vm"));
}

TEST_F(RecoveryTest, WhatCannotBeReadIsLeftAlone) {
  const auto broken = write_sandbox(storage::StoredState::kPaused, {});
  ASSERT_TRUE(base::write_file_atomic(directory_of(broken) / storage::kManifestFile, "{"));
  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered);
  EXPECT_TRUE(recovered->paused.empty());
  EXPECT_TRUE(has(broken, "checkpoints/1"));
}

TEST_F(RecoveryTest, OneAgentForEachDirectory) {
  const auto first = lock_installation(config_);
  ASSERT_TRUE(first);
  const auto second = lock_installation(config_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, base::Code::kFailedPrecondition);
}

}  // namespace
}  // namespace wrenn::agent
