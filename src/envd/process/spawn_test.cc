#include "envd/process/spawn.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>

#include <gtest/gtest.h>

#include "base/files.h"

namespace wrenn::envd {
namespace {

SpawnSpec shell(std::string script, int fd) {
  SpawnSpec spec;
  spec.program_candidates = {"/bin/sh"};
  spec.argv = {"sh", "-c", std::move(script)};
  spec.directory = "/";
  spec.uid = ::getuid();
  spec.gid = ::getgid();
  spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = fd;
  return spec;
}

int exit_code_of(const Spawned& child) {
  int status = -1;
  ::waitpid(child.pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Spawn, GivesLimitOfOpenFiles) {
  const auto null = base::open_file("/dev/null", O_RDWR);
  SpawnSpec spec = shell("exit $(ulimit -n)", null->get());
  spec.open_files = 77;
  const auto child = spawn(spec);
  ASSERT_TRUE(child) << child.error().to_string();
  EXPECT_EQ(child->cgroup_error, 0);
  EXPECT_EQ(exit_code_of(*child), 77);
}

// A cgroup that cannot be used is told and otherwise as none.
TEST(Spawn, RunsWithoutAnUnusableCgroup) {
  const auto null = base::open_file("/dev/null", O_RDWR);
  const auto directory = base::open_file("/tmp", O_RDONLY | O_DIRECTORY);
  SpawnSpec spec = shell("exit 5", null->get());
  spec.cgroup_fd = directory->get();
  const auto child = spawn(spec);
  ASSERT_TRUE(child) << child.error().to_string();
  EXPECT_NE(child->cgroup_error, 0);
  EXPECT_EQ(exit_code_of(*child), 5);
}

TEST(Spawn, TellsWhatFailed) {
  const auto null = base::open_file("/dev/null", O_RDWR);
  SpawnSpec spec = shell("true", null->get());
  spec.stdin_kind = StdinKind::kTerminal;
  const auto no_terminal = spawn(spec);
  ASSERT_FALSE(no_terminal);
  EXPECT_TRUE(no_terminal.error().message.starts_with("cannot give the command its terminal"));
  spec = shell("true", null->get());
  spec.directory = "/no/such";
  const auto no_directory = spawn(spec);
  ASSERT_FALSE(no_directory);
  EXPECT_EQ(no_directory.error().message, "cwd '/no/such' does not exist");
}

}  // namespace
}  // namespace wrenn::envd
