#include "cli/build_progress.h"

#include <algorithm>

#include "base/strings.h"
#include "cli/age.h"
#include "cli/progress.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

using base::concat;
using Kind = BuildLine::Kind;

constexpr std::size_t kShownLines = 6;

// An instruction may go over many lines.
std::string first_line(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return shown_line(text);
  return concat(shown_line(text.substr(0, end)), " ...");
}

// The builder begins once more: what was running then will not end.
bool is_new_attempt(std::string_view notice) {
  return notice.starts_with("trying again") || notice.starts_with("begun anew");
}

}  // namespace

// ---- What both forms have -----------------------------------------------------------------------

std::vector<std::string> BuildProgress::window(base::SteadyTime /*now*/,
                                               WindowSize /*size*/) const {
  return {};
}

std::string BuildProgress::heading(const Step& step) const {
  const std::string of = steps_ > 0 ? concat(step.number, '/', steps_) : concat(step.number);
  return concat('[', step.stage, step.stage.empty() ? "" : " ", of, "] ", step.instruction);
}

const BuildProgress::Step* BuildProgress::find(std::int64_t number) const {
  const auto found = known_.find(number);
  return found == known_.end() ? nullptr : &found->second;
}

std::int64_t BuildProgress::elapsed_ms(std::int64_t began_at_ms, base::SteadyTime now) const {
  const std::int64_t server_now = server_ms_ + base::to_ms(now - heard_);
  return std::max<std::int64_t>(0, server_now - began_at_ms);
}

// The step with what the line calls it: "[build] RUN make". An instruction never begins so.
BuildProgress::Step& BuildProgress::named(const BuildLine& line) {
  Step& step = known_[line.step];
  std::string_view text = line.text;
  const std::size_t end = text.starts_with('[') ? text.find("] ") : std::string_view::npos;
  std::string stage;
  if (end != std::string_view::npos) {
    stage = shown_line(text.substr(1, end - 1));
    text.remove_prefix(end + 2);
  }
  step = {.number = line.step,
          .stage = std::move(stage),
          .instruction = first_line(text),
          .began_at_ms = server_ms_,
          .output = {}};
  return step;
}

std::string BuildProgress::add_output(const BuildLine& line) {
  Step& step = known_[line.step];
  step.number = line.step;
  const auto stream =
      line.kind == Kind::kStdout ? OutputLines::Stream::kStdout : OutputLines::Stream::kStderr;
  return on_output(step, step.output.feed(stream, line.text));
}

std::string BuildProgress::add_done(const BuildLine& line) {
  Step& step = known_[line.step];
  step.number = line.step;
  std::erase(running_, line.step);
  const std::string rest = on_output(step, step.output.finish());
  return rest + on_done(step, shown_line(line.text));
}

std::string BuildProgress::add_notice(const BuildLine& line) {
  Step& step = known_[line.step];
  step.number = line.step;
  const std::string rest = on_output(step, step.output.finish());
  if (line.step == 0) {
    step.output = {};
    notice_ = shown_line(line.text);
    if (is_new_attempt(notice_)) running_.clear();
  }
  return rest + on_notice(step, shown_line(line.text));
}

std::string BuildProgress::add(const BuildLine& line, base::SteadyTime now) {
  if (line.at_ms >= server_ms_ && line.at_ms > 0) {
    server_ms_ = line.at_ms;
    heard_ = now;
  }
  switch (line.kind) {
    case Kind::kStep: {
      const Step& step = named(line);
      std::erase(running_, line.step);
      running_.push_back(line.step);
      return on_begin(step);
    }
    case Kind::kCached:
      std::erase(running_, line.step);
      return on_cached(named(line));
    case Kind::kDone:
      return add_done(line);
    case Kind::kStdout:
    case Kind::kStderr:
      return add_output(line);
    case Kind::kNotice:
      return add_notice(line);
    case Kind::kError:
      error_ = line.text;
      return {};
    case Kind::kEnd: {
      std::string rest;
      for (auto& [number, step] : known_) rest += on_output(step, step.output.finish());
      return rest + on_end();
    }
    case Kind::kUnknown:
      break;
  }
  return {};
}

std::string BuildProgress::failed_step() const {
  // Of several the last one: the others wait for it. What goes wrong after the steps is of the
  // build as a whole.
  const Step* step = find(running_.empty() ? 0 : running_.back());
  if (step == nullptr || (step->number == 0 && step->output.empty())) return {};
  const std::string name = step->number == 0 ? notice_ : heading(*step);
  std::string out = concat("------\n > ", paint_.bold(name), ":\n");
  for (const std::string& line : step->output.last()) out += concat(line, '\n');
  return out + "------\n";
}

// ---- Plain --------------------------------------------------------------------------------------

std::string PlainProgress::numbered(const Step& step, std::string_view text) const {
  return concat('#', step.number, ' ', text, '\n');
}
std::string PlainProgress::on_begin(const Step& step) {
  return numbered(step, heading(step));
}
std::string PlainProgress::on_cached(const Step& step) {
  return numbered(step, heading(step)) + numbered(step, "CACHED");
}
std::string PlainProgress::on_done(const Step& step, std::string_view took) {
  return numbered(step, concat("DONE ", took));
}
std::string PlainProgress::on_output(const Step& step, const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += numbered(step, line);
  return out;
}
std::string PlainProgress::on_notice(const Step& step, std::string_view text) {
  return numbered(step, text);
}
std::string PlainProgress::on_end() {
  return {};
}

// ---- On a terminal ------------------------------------------------------------------------------

std::string TerminalProgress::flush_activity() {
  if (activity_.empty()) return {};
  return concat(paint().dim(concat("• ", std::exchange(activity_, {}))), '\n');
}
std::string TerminalProgress::on_begin(const Step& step) {
  speaker_ = step.number;
  return flush_activity();
}
std::string TerminalProgress::on_cached(const Step& step) {
  return concat(flush_activity(), paint().green("✓"), ' ', heading(step), "  ",
                paint().cyan("CACHED"), '\n');
}
std::string TerminalProgress::on_done(const Step& step, std::string_view took) {
  return concat(flush_activity(), paint().green("✓"), ' ', heading(step), "  ", paint().dim(took),
                '\n');
}
std::string TerminalProgress::on_output(const Step& step, const std::vector<std::string>& lines) {
  if (!lines.empty() || !step.output.empty()) speaker_ = step.number;
  return {};
}
std::string TerminalProgress::on_notice(const Step& step, std::string_view text) {
  std::string before = flush_activity();
  if (step.number != 0) return before + concat(paint().dim(concat("• ", text)), '\n');
  activity_ = text;
  activity_began_ms_ = server_ms();
  return before;
}
std::string TerminalProgress::on_end() {
  return flush_activity();
}

std::vector<std::string> TerminalProgress::window(base::SteadyTime now, WindowSize size) const {
  const auto width = static_cast<std::size_t>(std::max(size.cols, 20)) - 1;
  const auto height = static_cast<std::size_t>(std::max(size.rows, 4)) - 2;
  const auto frame = static_cast<std::size_t>(base::to_ms(now.time_since_epoch()) / 100);
  std::vector<std::string> lines;
  const auto add_busy = [&](std::string_view what, std::int64_t began_ms) {
    const std::string time = human_duration(elapsed_ms(began_ms, now));
    const std::size_t room = width - std::min(width - 1, time.size() + 4);
    lines.push_back(
        concat(paint().bold(spinner(frame)), ' ', shortened(what, room), "  ", paint().dim(time)));
  };
  const auto add_output = [&](const OutputLines& output) {
    const auto last = output.last();
    const std::size_t room = height - std::min(height, lines.size());
    for (std::size_t i = last.size() - std::min({last.size(), kShownLines, room}); i < last.size();
         ++i) {
      lines.push_back(paint().dim(concat("    ", shortened(last[i], width - 4))));
    }
  };
  // Besides steps there are waits, for a host or for the program that was started.
  if (!activity_.empty()) {
    add_busy(activity_, activity_began_ms_);
  } else if (running().empty()) {
    add_busy(server_ms() == 0 ? "waiting to be begun" : "at work", server_ms());
  }
  const Step* whole = find(0);
  if (running().empty() && whole != nullptr && speaker_ == 0) add_output(whole->output);
  for (const std::int64_t number : running()) {
    if (lines.size() >= height) break;
    const Step* step = find(number);
    add_busy(heading(*step), step->began_at_ms);
    if (number == speaker_) add_output(step->output);
  }
  return lines;
}

}  // namespace wrenn::cli
