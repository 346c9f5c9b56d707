#include "base/process.h"

#include <poll.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "base/jail.h"

namespace wrenn::base {
namespace {

ChildProcess start_sleep() {
  JailSpec spec;
  spec.root = JailRoot::kHost;
  spec.argv = {"/bin/sleep", "60"};
  auto child = spawn(spec);
  EXPECT_TRUE(child) << child.error().to_string();
  return std::move(*child);
}

TEST(Process, KnowsItself) {
  const auto self = identify_process(::getpid());
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_GT(self->start_ticks, 0u);
  EXPECT_TRUE(is_alive(*self));
}

TEST(Process, AnotherStartTimeIsAnotherProcess) {
  auto other = *identify_process(::getpid());
  ++other.start_ticks;
  EXPECT_FALSE(is_alive(other));
  EXPECT_EQ(open_pidfd(other).error().code, Code::kNotFound);
  // Must not hit this very process.
  EXPECT_TRUE(signal_process(other, SIGKILL));
  EXPECT_TRUE(wait_gone(other, 0));
}

TEST(Process, ZombieIsGone) {
  const ChildProcess child = start_sleep();
  EXPECT_FALSE(wait_gone(child.identity, 0));
  ASSERT_TRUE(signal_process(child.identity, SIGKILL));
  EXPECT_TRUE(wait_gone(child.identity, 10'000));
  EXPECT_FALSE(is_alive(child.identity));
  EXPECT_EQ(identify_process(child.identity.pid).error().code, Code::kNotFound);
  EXPECT_TRUE(reap(child));
  EXPECT_TRUE(signal_process(child.identity, SIGKILL));
}

TEST(Process, PidfdBecomesReadableAtTheEnd) {
  const ChildProcess child = start_sleep();
  const auto fd = open_pidfd(child.identity);
  ASSERT_TRUE(fd);
  pollfd wait{fd->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 0), 0);
  ASSERT_TRUE(signal_process(child.identity, SIGTERM));
  EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
  EXPECT_EQ(reap(child, std::chrono::seconds(5))->signal, SIGTERM);
}

}  // namespace
}  // namespace wrenn::base
