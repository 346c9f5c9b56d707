// What an agent does with the remains of its predecessor; no VM is needed for it.
#include "agent/recovery.h"

#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

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

  storage::SandboxManifest write_sandbox(storage::StoredState state,
                                         const base::ProcessIdentity& process) {
    storage::SandboxManifest manifest;
    manifest.id = base::new_id(base::kSandboxPrefix);
    manifest.template_name = "minimal";
    manifest.state = state;
    manifest.disk_mb = 5120;
    manifest.slot = 3;
    manifest.uid = config_.sandbox_uid(3);
    manifest.process = process;
    manifest.created_unix_ms = 1;
    const auto name = storage::Name::parse("sandbox id", manifest.id).value();
    EXPECT_TRUE(base::make_dirs(config_.layout.sandbox_dir(name)));
    EXPECT_TRUE(storage::write_manifest(config_.layout.sandbox_manifest(name), manifest));
    return manifest;
  }

  std::size_t sandboxes_on_disk() { return config_.layout.list_sandboxes().value().size(); }

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  AgentConfig config_{dir_->path()};
};

TEST_F(RecoveryTest, ARunningVmIsKeptAndEverythingElseGoes) {
  const auto running = start_process(3);
  const auto kept = write_sandbox(storage::StoredState::kRunning, running.identity);
  const auto half_made = start_process(4);
  write_sandbox(storage::StoredState::kCreating, half_made.identity);
  // A pid that means another process by now.
  write_sandbox(storage::StoredState::kRunning, {running.identity.pid, 1});
  ASSERT_TRUE(base::make_dirs(config_.layout.sandboxes_dir() / "cl-without-manifest"));

  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered) << recovered.error().message;
  ASSERT_EQ(recovered->size(), 1u);
  EXPECT_EQ(recovered->front().id, kept.id);
  EXPECT_TRUE(base::is_alive(running.identity));
  EXPECT_FALSE(base::is_alive(half_made.identity));
  EXPECT_EQ(sandboxes_on_disk(), 1u);

  ASSERT_TRUE(base::signal_process(running.identity, SIGKILL));
  EXPECT_TRUE(base::reap(running, std::chrono::seconds(5)));
  (void)base::reap(half_made, std::chrono::seconds(5));
}

TEST_F(RecoveryTest, AVmThatDiedMeanwhileIsClearedAway) {
  write_sandbox(storage::StoredState::kRunning, {1 << 22, 1});
  const auto recovered = recover(config_);
  ASSERT_TRUE(recovered);
  EXPECT_TRUE(recovered->empty());
  EXPECT_EQ(sandboxes_on_disk(), 0u);
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
