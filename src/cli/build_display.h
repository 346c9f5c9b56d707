// BuildDisplay: a build's progress as it is shown: finished lines that stay, and on a terminal the
// window below them that is drawn anew.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cli/build_progress.h"
#include "cli/console.h"

namespace wrenn::cli {

// --progress
enum class ProgressView { kPlain, kTerminal };
// "auto" is kTerminal where standard error is a terminal that can move its cursor.
// kFailedPrecondition for "tty" where it is none.
base::Result<ProgressView> parse_progress(std::string_view text, const Console& console);

class BuildDisplay {
 public:
  enum class Target { kStandardError, kStandardOutput };
  // The console outlives it. `steps` as BuildProgress has it. A window is for standard error.
  BuildDisplay(const Console& console, ProgressView view, Target target, std::int64_t steps);
  BuildDisplay(const BuildDisplay&) = delete;
  BuildDisplay& operator=(const BuildDisplay&) = delete;
  ~BuildDisplay();  // The window goes, what stands above it stays.

  // An error only of standard output, whose reader may be gone.
  base::Result<void> add(const BuildLine& line);
  // A line of our own, above the window.
  void say(std::string_view line);
  // Often: moves the clocks.
  void tick();
  // The window goes for good.
  void close();

  bool moves() const { return view_ == ProgressView::kTerminal; }
  const BuildProgress& progress() const { return *progress_; }

 private:
  // To standard error. `above`: whole lines, or nothing.
  void draw(std::string_view above);

  const Console& console_;
  const ProgressView view_;
  const Target target_;
  std::unique_ptr<BuildProgress> progress_;
  std::size_t drawn_ = 0;  // Lines of the window.
  bool is_closed_ = false;
};

}  // namespace wrenn::cli
