#include "cli/server_dir.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

Environment no_environment() {
  return [](const char*) -> std::optional<std::string> { return std::nullopt; };
}

class ServerDirTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(base::make_dirs(dir_.run())); }
  base::TempDir temp_ = std::move(*base::TempDir::create());
  ServerDir dir_ = *ServerDir::locate(temp_.path().native(), no_environment());
};

TEST(ServerDir, IsAbsoluteAndNeverTheRoot) {
  EXPECT_EQ(ServerDir::locate("", no_environment())->root(), "/var/lib/wrenn");
  EXPECT_TRUE(ServerDir::locate("some/dir/", no_environment())->root().is_absolute());
  EXPECT_EQ(ServerDir::locate("/a/../b/", no_environment())->root(), "/b");
  EXPECT_FALSE(ServerDir::locate("/", no_environment()).has_value());
}

TEST_F(ServerDirTest, FindsWhoRuns) {
  EXPECT_FALSE(dir_.running(Part::kAgent));
  const auto self = base::identify_process(::getpid());
  ASSERT_TRUE(self.has_value());
  ASSERT_TRUE(dir_.write_pid(Part::kAgent, *self));
  EXPECT_EQ(dir_.running(Part::kAgent), *self);
  dir_.remove_pid(Part::kAgent);
  EXPECT_FALSE(dir_.running(Part::kAgent));
}

TEST_F(ServerDirTest, AReusedPidIsSomebodyElse) {
  auto other = *base::identify_process(::getpid());
  other.start_ticks += 1;
  ASSERT_TRUE(dir_.write_pid(Part::kControl, other));
  EXPECT_FALSE(dir_.running(Part::kControl));
}

TEST_F(ServerDirTest, OneAtATime) {
  auto first = ServerLock::take(dir_);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(ServerLock::take(dir_).error().code, base::Code::kAborted);
  first->release();
  EXPECT_TRUE(ServerLock::take(dir_).has_value());
}

TEST_F(ServerDirTest, RemembersItsServer) {
  EXPECT_EQ(dir_.saved().listen, "");
  ASSERT_TRUE(dir_.save({"127.0.0.1:1", "127.0.0.1:2", {"http://127.0.0.1:1", base::Secret("k")}}));
  EXPECT_EQ(dir_.saved().listen, "127.0.0.1:1");
  EXPECT_EQ(dir_.saved().proxy_listen, "127.0.0.1:2");
  EXPECT_EQ(dir_.saved().settings.api_key.reveal(), "k");
}

TEST(PidFile, BelongsToOneBoot) {
  const base::ProcessIdentity process{42, 1234};
  const std::string text = format_pid_file(process, "boot-a");
  EXPECT_EQ(parse_pid_file(text, "boot-a"), process);
  EXPECT_EQ(parse_pid_file(text, "boot-b"), std::nullopt);
  for (const char* bad : {"", "42", "42 1234", "0 1 boot-a", "-1 1 boot-a", "x 1 boot-a"}) {
    EXPECT_EQ(parse_pid_file(bad, "boot-a"), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace wrenn::cli
