// BuildProgress: what a build does, from the lines of its log to text for people. Pure: whoever
// shows it says when it is now, and how large the terminal is. What comes from the sandbox is shown
// as shown_line() (build_output.h) has it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "cli/build_output.h"
#include "cli/builds.h"
#include "cli/console.h"
#include "cli/process_messages.h"

namespace wrenn::cli {

class BuildProgress {
 public:
  // `steps`: of the whole build; 0: not known. `now`: since when the first line is waited for.
  BuildProgress(std::int64_t steps, Paint paint, base::SteadyTime now)
      : steps_(steps), paint_(paint), heard_(now) {}
  BuildProgress(const BuildProgress&) = delete;
  BuildProgress& operator=(const BuildProgress&) = delete;
  virtual ~BuildProgress() = default;

  // Whole lines that are to be shown for good; mostly none, or one.
  std::string add(const BuildLine& line, base::SteadyTime now);
  // Lines below those that hold for the moment only, none wider than the terminal.
  virtual std::vector<std::string> window(base::SteadyTime now, WindowSize size) const;

  // The step that did not end, with the last that it said: lines to be shown when the build has
  // failed. Empty when it was none of the steps.
  std::string failed_step() const;
  // What the build said of its failure; empty: nothing.
  const std::string& error() const { return error_; }

 protected:
  struct Step {
    std::int64_t number = 0;
    std::string stage;        // Empty: the build has only one.
    std::string instruction;  // Its first line.
    std::int64_t began_at_ms = 0;
    OutputLines output;
  };

  virtual std::string on_begin(const Step& step) = 0;
  virtual std::string on_cached(const Step& step) = 0;
  virtual std::string on_done(const Step& step, std::string_view took) = 0;
  virtual std::string on_output(const Step& step, const std::vector<std::string>& lines) = 0;
  virtual std::string on_notice(const Step& step, std::string_view text) = 0;
  virtual std::string on_end() = 0;

  // "[build 3/7] RUN make"
  std::string heading(const Step& step) const;
  const Paint& paint() const { return paint_; }
  // Null for one that was not heard of.
  const Step* find(std::int64_t number) const;
  // Those that have begun and not ended, in the order in which they began. A step that copies from
  // another stage waits for the steps of that.
  const std::vector<std::int64_t>& running() const { return running_; }
  // Since the time `began_at_ms` of the server. Its clock and ours need not agree.
  std::int64_t elapsed_ms(std::int64_t began_at_ms, base::SteadyTime now) const;
  std::int64_t server_ms() const { return server_ms_; }

 private:
  Step& named(const BuildLine& line);
  std::string add_output(const BuildLine& line);
  std::string add_done(const BuildLine& line);
  std::string add_notice(const BuildLine& line);

  const std::int64_t steps_;
  const Paint paint_;
  std::map<std::int64_t, Step> known_;  // 0: the build as a whole.
  std::vector<std::int64_t> running_;
  std::string error_;
  std::string notice_;          // The last one.
  std::int64_t server_ms_ = 0;  // The latest time that the server told, and when it did.
  base::SteadyTime heard_;
};

// For what is no terminal: everything, as it comes, each line with the number of its step.
class PlainProgress final : public BuildProgress {
 public:
  using BuildProgress::BuildProgress;

 private:
  std::string on_begin(const Step& step) override;
  std::string on_cached(const Step& step) override;
  std::string on_done(const Step& step, std::string_view took) override;
  std::string on_output(const Step& step, const std::vector<std::string>& lines) override;
  std::string on_notice(const Step& step, std::string_view text) override;
  std::string on_end() override;

  std::string numbered(const Step& step, std::string_view text) const;
};

// A line for each step that has ended; below, what runs and the last that it said.
class TerminalProgress final : public BuildProgress {
 public:
  using BuildProgress::BuildProgress;
  std::vector<std::string> window(base::SteadyTime now, WindowSize size) const override;

 private:
  std::string on_begin(const Step& step) override;
  std::string on_cached(const Step& step) override;
  std::string on_done(const Step& step, std::string_view took) override;
  std::string on_output(const Step& step, const std::vector<std::string>& lines) override;
  std::string on_notice(const Step& step, std::string_view text) override;
  std::string on_end() override;

  // What the build as a whole was doing becomes a line for good.
  std::string flush_activity();

  std::string activity_;  // What it does besides steps, as its last notice says.
  std::int64_t activity_began_ms_ = 0;
  std::int64_t speaker_ = 0;  // The step that said something last.
};

}  // namespace wrenn::cli
