#include "cli/build_display.h"

#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/raw_terminal.h"

namespace wrenn::cli {
namespace {

using base::concat;

std::unique_ptr<BuildProgress> make_progress(ProgressView view, std::int64_t steps,
                                             const Paint& paint) {
  const auto now = base::steady_now();
  if (view == ProgressView::kPlain) return std::make_unique<PlainProgress>(steps, paint, now);
  return std::make_unique<TerminalProgress>(steps, paint, now);
}

}  // namespace

base::Result<ProgressView> parse_progress(std::string_view text, const Console& console) {
  if (text == "plain") return ProgressView::kPlain;
  if (text == "tty" && !console.err_is_terminal) {
    return base::fail(base::Code::kFailedPrecondition, "standard error is not a terminal",
                      "leave --progress tty out; without a terminal progress is plain");
  }
  if (text == "tty") return ProgressView::kTerminal;
  const char* term = std::getenv("TERM");
  const bool can_move = term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
  return console.err_is_terminal && can_move ? ProgressView::kTerminal : ProgressView::kPlain;
}

BuildDisplay::BuildDisplay(const Console& console, ProgressView view, Target target,
                           std::int64_t steps)
    : console_(console),
      view_(view),
      target_(target),
      progress_(make_progress(
          view, steps, target == Target::kStandardOutput ? console.out_paint : console.err_paint)) {
  if (moves()) draw("");
}

BuildDisplay::~BuildDisplay() {
  close();
}

base::Result<void> BuildDisplay::add(const BuildLine& line) {
  const std::string lines = progress_->add(line, base::steady_now());
  if (target_ == Target::kStandardOutput) return console_.out(lines);
  draw(lines);
  return {};
}

void BuildDisplay::say(std::string_view line) {
  draw(concat(line, '\n'));
}

void BuildDisplay::tick() {
  if (moves()) draw("");
}

void BuildDisplay::close() {
  if (is_closed_) return;
  is_closed_ = true;
  draw("");
}

void BuildDisplay::draw(std::string_view above) {
  std::string out;
  if (drawn_ > 0) out = concat("\x1b[", drawn_, "A\r\x1b[J");
  out += above;
  drawn_ = 0;
  if (moves() && !is_closed_) {
    const auto lines = progress_->window(base::steady_now(), window_size(STDERR_FILENO));
    drawn_ = lines.size();
    // A character that is wider than it counts must not make two lines of one.
    out += "\x1b[?7l";
    for (const std::string& line : lines) out += concat(line, '\n');
    out += "\x1b[?7h";
  }
  if (out.empty()) return;
  [[maybe_unused]] const auto lost = base::write_all(STDERR_FILENO, out);
}

}  // namespace wrenn::cli
