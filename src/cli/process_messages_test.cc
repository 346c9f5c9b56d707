#include "cli/process_messages.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

using Kind = ProcessMessage::Kind;

TEST(ProcessMessagesTest, Openings) {
  const RemoteCommand command{
      .command = {"sh", "-l"}, .envs = {{"A", "b"}}, .cwd = "/tmp", .user = "root"};
  EXPECT_EQ(pty_start_message(command, {.cols = 100, .rows = 30}),
            R"({"type":"start","cmd":"sh","args":["-l"],"envs":{"A":"b"},"cwd":"/tmp",)"
            R"("user":"root","cols":100,"rows":30})");
  const RemoteCommand bare{.command = {"cat"}, .envs = {}, .cwd = {}, .user = {}};
  EXPECT_EQ(exec_start_message(bare, CommandInput::kPipe),
            R"({"type":"start","cmd":"cat","stdin":true,"kill_on_close":true})");
  EXPECT_EQ(exec_start_message(bare, CommandInput::kNone),
            R"({"type":"start","cmd":"cat","stdin":false,"kill_on_close":true})");
  EXPECT_EQ(pty_connect_message("pty-1", 70), R"({"type":"connect","tag":"pty-1","offset":70})");
}

TEST(ProcessMessagesTest, Input) {
  EXPECT_EQ(input_message("input", std::string_view("\0\xff", 2)),
            R"({"type":"input","data":"AP8="})");
  EXPECT_EQ(stdin_close_message(), R"({"type":"stdin_close"})");
  EXPECT_EQ(resize_message({.cols = 3, .rows = 4}), R"({"type":"resize","cols":3,"rows":4})");
}

TEST(ProcessMessagesTest, WhatTheApiSays) {
  auto message = *parse_process_message(R"({"type":"started","tag":"t","pid":3,"offset":9})");
  EXPECT_TRUE(message.kind == Kind::kStarted && message.tag == "t" && message.offset == 9);
  message = *parse_process_message(R"({"type":"output","data":"AP8=","offset":5})");
  EXPECT_TRUE(message.kind == Kind::kStdout && message.offset == 5);
  EXPECT_EQ(message.data, std::string("\0\xff", 2));
  message = *parse_process_message(R"({"type":"stderr","data":"aGk="})");
  EXPECT_TRUE(message.kind == Kind::kStderr && message.data == "aGk=");
  message = *parse_process_message(R"({"type":"stdout","data":"aGk=","encoding":"base64"})");
  EXPECT_TRUE(message.kind == Kind::kStdout && message.data == "hi");
  message = *parse_process_message(R"({"type":"exit","exit_code":137})");
  EXPECT_TRUE(message.kind == Kind::kExit && message.exit_code == 137);
  message = *parse_process_message(
      R"({"type":"error","code":"not_found","data":"no such tag","fatal":true})");
  EXPECT_TRUE(message.kind == Kind::kError && message.is_fatal);
  EXPECT_EQ(message.error.code, base::Code::kNotFound);
  EXPECT_EQ(parse_process_message(R"({"type":"ping"})")->kind, Kind::kOther);
  for (const auto* bad : {"", "[]", "x", R"({"type":"output","data":"a"})"}) {
    EXPECT_EQ(parse_process_message(bad).error().code, base::Code::kDataLoss) << bad;
  }
}

}  // namespace
}  // namespace wrenn::cli
