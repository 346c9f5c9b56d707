#include "control/api/client_messages.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

using Kind = ClientInput::Kind;

template <class T>
std::string mistake(const Answer<T>& answer) {
  return answer ? std::string() : answer.error().message;
}

TEST(ClientMessagesTest, AStartHasTheFieldsOfACommandAndASize) {
  const auto opening = parse_pty_opening(
      R"({"type":"start","cmd":"sh","args":["-l"],"cols":100,"rows":40,"envs":{"A":"b"},
          "cwd":"/tmp","user":"root","tag":"mine"})");
  ASSERT_TRUE(opening) << mistake(opening);
  const auto& start = std::get<StartParams>(*opening);
  EXPECT_TRUE(start.cmd == "sh" && start.args.size() == 1 && start.envs.at("A") == "b");
  EXPECT_TRUE(start.cwd == "/tmp" && start.user == "root" && start.tag == "mine");
  EXPECT_TRUE(start.cols == 100 && start.rows == 40);
  const auto bare = parse_pty_opening(R"({"type":"start"})");
  ASSERT_TRUE(bare);
  EXPECT_EQ(std::get<StartParams>(*bare).cmd, "/bin/bash");
  EXPECT_TRUE(std::get<StartParams>(*bare).cols == 80 && std::get<StartParams>(*bare).rows == 24);
}

TEST(ClientMessagesTest, AConnectNamesAProcessAndAnOffset) {
  const auto opening = parse_pty_opening(R"({"type":"connect","tag":"pty-1","offset":0})");
  ASSERT_TRUE(opening);
  EXPECT_EQ(std::get<AttachParams>(*opening).process.tag, "pty-1");
  EXPECT_EQ(std::get<AttachParams>(*opening).offset, 0u);
  const auto by_pid = parse_exec_opening(R"({"type":"connect","pid":17})");
  ASSERT_TRUE(by_pid);
  EXPECT_EQ(std::get<AttachParams>(*by_pid).process.pid, 17u);
  EXPECT_FALSE(std::get<AttachParams>(*by_pid).offset.has_value());
}

TEST(ClientMessagesTest, BadOpeningsNameWhatIsWrong) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "type is missing"},
      {"{", "the message is not valid JSON"},
      {"[]", "the message must be a JSON object"},
      {R"({"type":"input","data":""})", "the first message must be"},
      {R"({"type":7})", "type"},
      {R"({"type":"start","cols":70000})", "cols"},
      {R"({"type":"start","rows":-1})", "rows"},
      {R"({"type":"start","args":"a"})", "args"},
      {R"({"type":"start","tag":"12"})", "tag"},
      {R"({"type":"start","user":"a b"})", "user"},
      {R"({"type":"connect"})", "tag is missing"},
      {R"({"type":"connect","tag":"a","offset":-1})", "offset"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_TRUE(mistake(parse_pty_opening(text)).contains(expected))
        << text << ": " << mistake(parse_pty_opening(text));
  }
  EXPECT_TRUE(mistake(parse_exec_opening(R"({"type":"start"})")).contains("cmd is missing"));
  EXPECT_TRUE(mistake(parse_exec_opening(R"({"type":"connect","pid":0})")).contains("pid"));
}

TEST(ClientMessagesTest, InputIsDecodedAndUnknownTypesAreLetGo) {
  const auto input = parse_pty_input(R"({"type":"input","data":"AP8K"})");
  ASSERT_TRUE(input);
  EXPECT_EQ(input->kind, Kind::kData);
  EXPECT_EQ(input->data, std::string("\0\xff\n", 3));
  const auto size = parse_pty_input(R"({"type":"resize","cols":1,"rows":65535})");
  EXPECT_TRUE(size && size->kind == Kind::kResize && size->cols == 1 && size->rows == 65535);
  EXPECT_EQ(parse_pty_input(R"({"type":"kill"})")->kind, Kind::kKill);
  EXPECT_EQ(parse_pty_input(R"({"type":"pong"})")->kind, Kind::kNone);
  EXPECT_EQ(parse_pty_input(R"({"type":"stdin","data":"a"})")->kind, Kind::kNone);
  EXPECT_EQ(parse_exec_input(R"({"type":"stdin","data":"aGk="})")->data, "hi");
  EXPECT_EQ(parse_exec_input(R"({"type":"stdin_close"})")->kind, Kind::kCloseStdin);
  EXPECT_EQ(parse_exec_input(R"({"type":"stop"})")->kind, Kind::kStop);
  for (const auto* bad : {R"({"type":"input","data":"a"})", R"({"type":"input","data":"a b="})",
                          R"({"type":"resize","cols":0,"rows":1})", R"({"type":"resize","cols":1})",
                          R"({"type":"resize","cols":65536,"rows":1})", "{}"}) {
    EXPECT_NE(mistake(parse_pty_input(bad)), "") << bad;
  }
}

TEST(ClientMessagesTest, KeysAndOffsets) {
  EXPECT_EQ(parse_auth_message(R"({"type":"auth","token":"wrn_1"})"), "wrn_1");
  for (const auto* bad : {"{}", R"({"type":"start"})", R"({"type":"auth"})", "x"}) {
    const auto token = parse_auth_message(bad);
    EXPECT_TRUE(!token && token.error().code == ApiCode::kUnauthorized) << bad;
  }
  EXPECT_EQ(parse_offset("17").value(), 17u);
  EXPECT_FALSE(parse_offset("").value().has_value());
  EXPECT_FALSE(parse_offset("-1").has_value());
}

}  // namespace
}  // namespace wrenn::control
