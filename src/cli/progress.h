// What long work shows while it lasts: one moving line on a terminal, plain lines elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/console.h"

namespace wrenn::cli {

// The picture of something that goes on; frames may be counted for ever.
std::string_view spinner(std::size_t frame);

// A step with a name, the time it has taken, and what it does just now.
class StepDisplay {
 public:
  StepDisplay(const Console& console, std::string label);
  StepDisplay(const StepDisplay&) = delete;
  StepDisplay& operator=(const StepDisplay&) = delete;
  ~StepDisplay();  // A step that did not succeed is marked so.

  void detail(std::string_view text);
  void tick();  // Often: moves the spinner.
  void succeed();

 private:
  std::string seconds() const;
  void clear();

  const Console& console_;
  const std::string label_;
  const base::SteadyTime begin_ = base::steady_now();
  std::string detail_;
  std::size_t frame_ = 0;
  bool done_ = false;
};

// Bytes copied so far, a few times a second, on a terminal only.
class TransferDisplay {
 public:
  // `total` 0: not known.
  TransferDisplay(const Console& console, std::string name, std::uint64_t total);
  TransferDisplay(const TransferDisplay&) = delete;
  TransferDisplay& operator=(const TransferDisplay&) = delete;
  ~TransferDisplay();

  void update(std::uint64_t bytes);

 private:
  const Console& console_;
  const std::string name_;
  const std::uint64_t total_;
  const base::SteadyTime begin_ = base::steady_now();
  base::SteadyTime shown_ = begin_;
  bool visible_ = false;
};

}  // namespace wrenn::cli
