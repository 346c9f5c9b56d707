// LogTail: the lines that are added to a log file.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace wrenn::cli {

class LogTail {
 public:
  // Begins at the file's present end. A file that does not exist yet is empty.
  explicit LogTail(base::Path path);

  // Calls back for each whole line that has come since, in order.
  void poll(const std::function<void(std::string_view line)>& on_line);
  // The last lines it has seen, oldest first.
  std::string last_lines() const;

 private:
  static constexpr std::size_t kKept = 12;
  const base::Path path_;
  std::int64_t offset_ = 0;
  std::string partial_;
  std::deque<std::string> kept_;
};

// The message of a log line, without the time, level and process in front of it. A line of another
// form is returned as it is.
std::string log_message(std::string_view line);

}  // namespace wrenn::cli
