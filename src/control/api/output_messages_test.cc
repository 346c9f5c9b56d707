#include "control/api/output_messages.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using Messages = std::vector<std::string>;

TEST(OutputMessagesTest, HaveTheirFields) {
  EXPECT_EQ(pty_started_message("pty-1", 7, 9),
            R"({"type":"started","tag":"pty-1","pid":7,"offset":9})");
  EXPECT_EQ(pty_output_message(std::string("\0\xff", 2), 0),
            R"({"type":"output","data":"AP8=","offset":0})");
  EXPECT_EQ(exec_start_message("", 7, 0), R"({"type":"start","pid":7,"offset":0})");
  EXPECT_EQ(exit_message(3, ""), R"({"type":"exit","exit_code":3})");
  EXPECT_EQ(error_message({ApiCode::kNotFound, "no such thing"}, Severity::kFatal),
            R"({"type":"error","code":"not_found","data":"no such thing","fatal":true})");
  EXPECT_EQ(error_message({ApiCode::kInvalidRequest, "no"}, Severity::kPassing),
            R"({"type":"error","code":"invalid_request","data":"no"})");
  EXPECT_EQ(ping_message(), R"({"type":"ping"})");
}

TEST(OutputMessagesTest, FindsAnUnfinishedCharacter) {
  for (const auto& [text, expected] : {std::pair<std::string_view, std::size_t>{"", 0},
                                       {"abc", 0},
                                       {"\xc3", 1},
                                       {"\xc3\xbc", 0},
                                       {"a\xe2\x82", 2},
                                       {"\xe2\x82\xac", 0},
                                       {"\xf0\x9f\x98", 3},
                                       {"\xf0\x9f\x98\x80", 0},
                                       {"\x80\x80\x80\x80", 0}}) {
    EXPECT_EQ(unfinished_character(text), expected) << base::to_hex(text);
  }
}

TEST(OutputMessagesTest, ACharacterThatIsCutIsHeldBackUntilItIsWhole) {
  const std::string text = "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80!";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    TextOutput output;
    Messages all = output.add(OutputKind::kStdout, text.substr(0, cut), 0);
    for (auto& message : output.add(OutputKind::kStdout, text.substr(cut), cut)) {
      all.push_back(std::move(message));
    }
    EXPECT_TRUE(output.flush().empty());
    std::string joined;
    for (const auto& message : all) {
      EXPECT_FALSE(message.contains("base64")) << message;
      constexpr std::string_view kBefore = R"({"type":"stdout","data":")";
      EXPECT_TRUE(message.starts_with(kBefore)) << message;
      joined += message.substr(kBefore.size(), message.find("\",\"offset") - kBefore.size());
    }
    EXPECT_EQ(joined, text) << cut;
  }
}

TEST(OutputMessagesTest, OffsetsAreThoseOfTheFirstByte) {
  TextOutput output;
  EXPECT_EQ(output.add(OutputKind::kStdout, "a\xc3", 10),
            Messages{R"({"type":"stdout","data":"a","offset":10})"});
  EXPECT_EQ(output.add(OutputKind::kStdout, "\xbc", 12),
            Messages{"{\"type\":\"stdout\",\"data\":\"\xc3\xbc\",\"offset\":11}"});
}

TEST(OutputMessagesTest, WhatIsNotTextComesAsBase64AndNothingIsLost) {
  TextOutput output;
  EXPECT_EQ(output.add(OutputKind::kStderr, "\xff\xfe", 0),
            Messages{R"({"type":"stderr","data":"//4=","encoding":"base64","offset":0})"});
  // Half a character, and then the other output, or the end.
  EXPECT_EQ(output.add(OutputKind::kStdout, "\xc3", 2), Messages{});
  EXPECT_EQ(output.add(OutputKind::kStderr, "x", 3),
            (Messages{R"({"type":"stdout","data":"ww==","encoding":"base64","offset":2})",
                      R"({"type":"stderr","data":"x","offset":3})"}));
  EXPECT_EQ(output.add(OutputKind::kStdout, "\xe2\x82", 4), Messages{});
  EXPECT_EQ(output.flush(),
            Messages{R"({"type":"stdout","data":"4oI=","encoding":"base64","offset":4})"});
  EXPECT_EQ(output.flush(), Messages{});
}

}  // namespace
}  // namespace wrenn::control
