#include "base/process_metrics.h"

#include <fcntl.h>

#include <optional>

#include <gtest/gtest.h>

#include "base/files.h"

namespace wrenn::base {
namespace {

std::optional<double> value_of(std::string_view text, const std::string& name) {
  const std::string start = concat('\n', name, ' ');
  const auto at = text.find(start);
  if (at == std::string_view::npos) return std::nullopt;
  return std::stod(std::string(text.substr(at + start.size())));
}

std::string text_now() {
  Exposition out;
  write_process_metrics(out);
  return out.take();
}

TEST(ProcessMetrics, TellWhatThisProcessTakes) {
  const std::string text = text_now();
  EXPECT_GE(value_of(text, "process_cpu_seconds_total").value_or(-1), 0);
  EXPECT_GT(value_of(text, "process_resident_memory_bytes").value_or(0), 1 << 20);
  EXPECT_GT(value_of(text, "process_virtual_memory_bytes").value_or(0),
            value_of(text, "process_resident_memory_bytes").value_or(0));
  EXPECT_GT(value_of(text, "process_max_fds").value_or(0), 2);
  const double now = static_cast<double>(unix_ms_now()) / 1000;
  EXPECT_GT(value_of(text, "process_start_time_seconds").value_or(0), now - 86400);
  EXPECT_LE(value_of(text, "process_start_time_seconds").value_or(now + 100), now + 1);
}

TEST(ProcessMetrics, CountDescriptors) {
  const auto before = value_of(text_now(), "process_open_fds");
  const auto file = open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(file);
  const auto after = value_of(text_now(), "process_open_fds");
  ASSERT_TRUE(before && after);
  EXPECT_EQ(*after, *before + 1);
}

}  // namespace
}  // namespace wrenn::base
