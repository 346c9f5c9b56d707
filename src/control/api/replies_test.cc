#include "control/api/replies.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(RepliesTest, ASandboxLeavesEmptyFieldsOut) {
  db::Sandbox sandbox;
  sandbox.id = "cl-1";
  sandbox.template_name = "minimal";
  sandbox.created_at = 1'700'000'000'250;
  sandbox.updated_at = sandbox.created_at;
  EXPECT_EQ(sandbox_json(sandbox),
            R"({"id":"cl-1","status":"pending","template":"minimal","vcpus":1,"memory_mb":512,)"
            R"("disk_mb":0,"timeout_sec":0,"on_timeout":"pause","auto_resume":true,)"
            R"("created_at":"2023-11-14T22:13:20Z",)"
            R"("last_updated":"2023-11-14T22:13:20Z",)"
            R"("network":{"allow_internet_access":true,"allow_out":[],"deny_out":[]}})");
  sandbox.metadata["kernel_version"] = "6.1";
  sandbox.error_message = "why";
  const std::string full = sandbox_json(sandbox, {{"boot", 1.5}});
  EXPECT_TRUE(has(full, R"("metadata":{"kernel_version":"6.1"})")) << full;
  EXPECT_TRUE(has(full, R"("timings_ms":{"boot":2})")) << full;
  EXPECT_TRUE(has(full, R"("status_reason":"why")")) << full;
  EXPECT_EQ(sandboxes_json({}), "[]");
}

TEST(RepliesTest, OutputIsTextUnlessEitherStreamIsNot) {
  EXPECT_TRUE(
      has(exec_json("cl-1", "c", {.stdout_bytes = "é", .stderr_bytes = "b"}),
          R"("stdout":"é","stderr":"b","exit_code":0,"duration_ms":0,"encoding":"utf-8"})"));
  const std::string binary = exec_json("cl-1", "c", {.stdout_bytes = "a", .stderr_bytes = "\xff"});
  EXPECT_TRUE(has(binary, R"("stdout":"YQ==","stderr":"/w==")")) << binary;
  EXPECT_TRUE(has(binary, R"("encoding":"base64")"));
}

TEST(RepliesTest, ACharacterCutByTheLimitDoesNotMakeTextBinary) {
  const std::string text =
      exec_json("cl-1", "c", {.stdout_bytes = "ab\xe2\x82", .truncated = true});
  EXPECT_TRUE(has(text, R"("stdout":"ab")")) << text;
  EXPECT_TRUE(has(text, R"("truncated":true)"));
}

TEST(RepliesTest, Lines) {
  EXPECT_EQ(start_line(7), "{\"type\":\"start\",\"pid\":7}\n");
  EXPECT_EQ(data_line("stdout", "a"), "{\"type\":\"stdout\",\"data\":\"YQ==\"}\n");
  EXPECT_EQ(exit_line(3, 12, ""), "{\"type\":\"exit\",\"exit_code\":3,\"duration_ms\":12}\n");
  EXPECT_EQ(error_line("agent_error", "m"),
            "{\"type\":\"error\",\"code\":\"agent_error\",\"message\":\"m\"}\n");
}

}  // namespace
}  // namespace wrenn::control
