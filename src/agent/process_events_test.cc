#include "agent/process_events.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

using process::ProcessEvent;
namespace pb = hostagent::v1;

ProcessEvent start_at(std::uint64_t offset) {
  ProcessEvent event;
  event.mutable_start()->set_pid(7);
  event.mutable_start()->set_output_offset(offset);
  return event;
}

TEST(ProcessEventsTest, OffsetsCountBothOutputsTogether) {
  std::uint64_t offset = 0;
  pb::ExecStreamResponse out;
  EXPECT_TRUE(to_exec_event(start_at(100), offset, out));
  EXPECT_TRUE(out.start().pid() == 7 && out.start().offset() == 100);
  ProcessEvent event;
  event.mutable_data()->set_stdout("abc");
  EXPECT_TRUE(to_exec_event(event, offset, out));
  EXPECT_TRUE(out.data().stdout() == "abc" && out.data().offset() == 100);
  event.mutable_data()->set_stderr("de");
  EXPECT_TRUE(to_exec_event(event, offset, out));
  EXPECT_TRUE(out.data().stderr() == "de" && out.data().offset() == 103);
  event.mutable_keepalive();
  EXPECT_FALSE(to_exec_event(event, offset, out));
  event.mutable_data()->set_pty("f");
  EXPECT_TRUE(to_exec_event(event, offset, out));
  EXPECT_TRUE(out.data().stdout() == "f" && out.data().offset() == 105);
}

TEST(ProcessEventsTest, TerminalsTellTheirTagAndRefuseOtherOutput) {
  std::uint64_t offset = 0;
  pb::PtyAttachResponse out;
  EXPECT_TRUE(*to_pty_event(start_at(5), "pty-1", offset, out));
  EXPECT_TRUE(out.started().tag() == "pty-1" && out.started().offset() == 5);
  ProcessEvent event;
  event.mutable_data()->set_pty("abc");
  EXPECT_TRUE(*to_pty_event(event, "pty-1", offset, out));
  EXPECT_TRUE(out.output().data() == "abc" && out.output().offset() == 5);
  EXPECT_EQ(offset, 8u);
  event.mutable_data()->set_stdout("abc");
  EXPECT_EQ(to_pty_event(event, "pty-1", offset, out).error().code,
            base::Code::kFailedPrecondition);
}

TEST(ProcessEventsTest, ASignalIsAnExitCodeAsInAShell) {
  std::uint64_t offset = 0;
  ProcessEvent event;
  event.mutable_end()->set_exit_code(-1);
  event.mutable_end()->set_signal(9);
  pb::PtyAttachResponse out;
  EXPECT_TRUE(*to_pty_event(event, "t", offset, out));
  EXPECT_EQ(out.exited().exit_code(), 137);
  pb::ExecStreamResponse exec;
  EXPECT_TRUE(to_exec_event(event, offset, exec));
  EXPECT_EQ(exec.end().exit_code(), 137);
}

}  // namespace
}  // namespace wrenn::agent
