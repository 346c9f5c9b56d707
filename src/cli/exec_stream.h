// The stream of a running command: one JSON object a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::cli {

// Cuts a stream into lines.
class LineSplitter {
 public:
  // Lines longer than this are an error: no command produces them, a broken server may.
  static constexpr std::size_t kMaxLine = 16ull << 20;

  base::Result<void> feed(std::string_view bytes);
  // The next whole line without its end, valid until the next call of either method.
  std::optional<std::string_view> next();

 private:
  std::string buffer_;
  std::size_t used_ = 0;
};

struct ExecEvent {
  enum class Kind { kStart, kStdout, kStderr, kExit, kError, kUnknown };
  Kind kind = Kind::kUnknown;
  std::string data;  // Of kStdout and kStderr: raw bytes.
  std::int64_t exit_code = 0;
  base::Error error;  // Of kError; of kExit when the command did not end by itself, else empty.
};

// An unknown type is no error: a newer server may have more of them. kDataLoss for what is not an
// event at all.
base::Result<ExecEvent> parse_exec_event(std::string_view line);

// What this program ends with: the low eight bits are all that a process has; a code that does not
// fit becomes 255.
int exit_status_of(std::int64_t exit_code);

}  // namespace wrenn::cli
