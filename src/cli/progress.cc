#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "base/strings.h"
#include "cli/raw_terminal.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

constexpr std::array<std::string_view, 10> kSpinner = {"⠋", "⠙", "⠹", "⠸", "⠼",
                                                       "⠴", "⠦", "⠧", "⠇", "⠏"};

std::size_t terminal_width() {
  return static_cast<std::size_t>(window_size(STDERR_FILENO).cols);
}

// The rest of the line is erased; the cursor stays on it.
void show_line(std::string_view line) {
  [[maybe_unused]] const auto lost = base::write_all(STDERR_FILENO, base::concat("\r\x1b[K", line));
}

}  // namespace

std::string_view spinner(std::size_t frame) {
  return kSpinner.at(frame % kSpinner.size());
}

StepDisplay::StepDisplay(const Console& console, std::string label)
    : console_(console), label_(std::move(label)) {
  if (console_.err_is_terminal) {
    tick();
  } else {
    console_.say(label_ + " ...");
  }
}

StepDisplay::~StepDisplay() {
  if (done_ || !console_.err_is_terminal) return;
  clear();
  console_.say(base::concat(console_.err_paint.red("✗"), ' ', label_));
}

void StepDisplay::detail(std::string_view text) {
  detail_ = printable(text);
  if (!console_.err_is_terminal) console_.say(base::concat("  ", detail_));
}

void StepDisplay::tick() {
  if (!console_.err_is_terminal) return;
  const std::string head = base::concat(label_, ' ', seconds());
  const std::size_t room = terminal_width() - std::min(terminal_width(), text_width(head) + 6);
  std::string line = base::concat(console_.err_paint.bold(spinner(frame_++)), ' ', head);
  if (!detail_.empty() && room > 10) {
    line += console_.err_paint.dim("  " + shortened(detail_, room));
  }
  show_line(line);
}

void StepDisplay::succeed() {
  done_ = true;
  if (console_.err_is_terminal) {
    clear();
    console_.say(base::concat(console_.err_paint.green("✓"), ' ', label_, ' ',
                              console_.err_paint.dim(seconds())));
  } else {
    console_.say(base::concat(label_, ": done (", seconds(), ')'));
  }
}

std::string StepDisplay::seconds() const {
  const auto ms = base::to_ms(base::steady_now() - begin_);
  return base::concat(ms / 1000, '.', ms / 100 % 10, "s");
}

void StepDisplay::clear() {
  show_line("");
}

TransferDisplay::TransferDisplay(const Console& console, std::string name, std::uint64_t total)
    : console_(console), name_(std::move(name)), total_(total) {}

TransferDisplay::~TransferDisplay() {
  if (visible_) show_line("");
}

void TransferDisplay::update(std::uint64_t bytes) {
  if (!console_.err_is_terminal) return;
  const auto now = base::steady_now();
  if (now - shown_ < std::chrono::milliseconds(200)) return;
  shown_ = now;
  visible_ = true;
  const auto ms = std::max<std::int64_t>(1, base::to_ms(now - begin_));
  std::string line = base::concat(printable(name_), "  ", base::human_bytes(bytes));
  if (total_ > 0) {
    line += base::concat(" of ", base::human_bytes(total_), "  ", bytes * 100 / total_, "%");
  }
  line +=
      base::concat("  ", base::human_bytes(bytes * 1000 / static_cast<std::uint64_t>(ms)), "/s");
  show_line(shortened(line, terminal_width() - 1));
}

}  // namespace wrenn::cli
