#include "base/log.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Log, AJsonLineIsOneObject) {
  EXPECT_EQ(json_log_line(1'700'000'000'250, "wrenn-cp", LogLevel::kWarn, "a \"host\" is away",
                          {{"host", "east\n"}, {"ms", 7}, {"request", ""}, {"error", Error()}}),
            R"({"ts":"2023-11-14T22:13:20.250Z","level":"warn","program":"wrenn-cp",)"
            R"("msg":"a \"host\" is away","host":"east\n","ms":7})");
}

TEST(Log, BytesThatAreNoTextSpoilNothing) {
  const std::string line =
      json_log_line(0, "envd", LogLevel::kInfo, "m", {{"path", std::string_view("a\xff\0b", 4)}});
  EXPECT_TRUE(line.ends_with(R"("path":"a?\u0000b"})")) << line;
}

TEST(Log, NamesAreChecked) {
  EXPECT_EQ(log_format_from_name("json").value(), LogFormat::kJson);
  EXPECT_EQ(log_format_from_name("text").value(), LogFormat::kText);
  EXPECT_TRUE(log_format_from_name("xml").error().remedy.contains("json"));
  EXPECT_FALSE(log_start("test", "loud", "json"));
  EXPECT_FALSE(log_start("test", "info", "xml"));
}

}  // namespace
}  // namespace wrenn::base
