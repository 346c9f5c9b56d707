// What a program in a sandbox writes, as lines that a terminal can be shown. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace wrenn::cli {

// A line without its end, as it would look at last: what a carriage return goes back over and
// sequences that set colours or move the cursor are taken away, tabs are spaces, and any other
// control character is '?'.
std::string shown_line(std::string_view line);

// Output that comes in pieces of any length, put together to lines.
class OutputLines {
 public:
  static constexpr std::size_t kKept = 20;
  static constexpr std::size_t kMaxLine = 16 * 1024;  // Bytes; what is longer is broken there.

  enum class Stream { kStdout, kStderr };
  // The lines that are whole now.
  std::vector<std::string> feed(Stream stream, std::string_view text);
  // What never got its end.
  std::vector<std::string> finish();

  // The last lines, with those that have begun; kKept at most.
  std::vector<std::string> last() const;
  bool empty() const { return kept_.empty() && begun_[0].empty() && begun_[1].empty(); }

 private:
  void keep(std::vector<std::string>& lines, std::string_view line);

  std::array<std::string, 2> begun_;  // One for each stream: neither ends the other's line.
  std::deque<std::string> kept_;
};

}  // namespace wrenn::cli
