// Console: what the program says and where. Results go to standard output, everything else to
// standard error; colours and moving lines only where a terminal shows them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::cli {

// Exit statuses that are our own; `sandbox exec` also ends with the status of the remote command.
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kTimedOut = 124;  // As timeout(1) does.
inline constexpr int kInterrupted = 130;

// Wraps text in terminal colours, or leaves it as it is.
class Paint {
 public:
  explicit Paint(bool enabled = false) : enabled_(enabled) {}
  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string dim(std::string_view text) const { return wrap("2", text); }
  std::string red(std::string_view text) const { return wrap("31", text); }
  std::string green(std::string_view text) const { return wrap("32", text); }
  std::string yellow(std::string_view text) const { return wrap("33", text); }
  std::string cyan(std::string_view text) const { return wrap("36", text); }

 private:
  std::string wrap(std::string_view code, std::string_view text) const;
  bool enabled_;
};

// What --json asks for.
enum class Form { kText, kJson };

struct Console {
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  Paint out_paint;
  Paint err_paint;

  // Looks at the two descriptors, NO_COLOR and TERM.
  static Console detect();

  // All of it, to standard output.
  base::Result<void> out(std::string_view bytes) const;
  // JSON that came from the API: on a terminal as a tree, else as it came, on one line.
  base::Result<void> out_json(std::string_view text) const;
  // A line for people, to standard error; what cannot be written there is lost.
  void say(std::string_view line) const;
  // "error: ..." and, when there is a remedy, "hint: ...".
  void report(const base::Error& error) const;
  // The same for a command that was typed wrongly; the result is kUsage.
  int usage(std::string_view message, std::string_view hint) const;
};

}  // namespace wrenn::cli
