// ExecSink: where the output of a command goes, collected for one answer or streamed line by line.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "control/api/call.h"
#include "control/api/replies.h"
#include "net/task.h"

namespace wrenn::control {

enum class OutputKind { kStdout, kStderr };

// For the loop of its call.
class ExecSink {
 public:
  virtual ~ExecSink() = default;
  virtual net::Task<Answer<void>> on_start(std::uint32_t pid) = 0;
  virtual net::Task<Answer<void>> on_output(OutputKind kind, std::string_view bytes) = 0;
  virtual net::Task<Answer<void>> on_end(int exit_code, std::string_view error) = 0;
};

// Keeps at most kMaxCollected bytes of each stream; the rest is let go and the answer says so.
class CollectSink final : public ExecSink {
 public:
  static constexpr std::size_t kMaxCollected = 16u << 20;

  CollectSink(Call& call, std::string_view cmd) : call_(call), cmd_(cmd) {}
  net::Task<Answer<void>> on_start(std::uint32_t pid) override;
  net::Task<Answer<void>> on_output(OutputKind kind, std::string_view bytes) override;
  net::Task<Answer<void>> on_end(int exit_code, std::string_view error) override;

 private:
  Call& call_;
  const std::string_view cmd_;
  const base::SteadyTime began_ = base::steady_now();
  ExecOutcome outcome_;
};

// One JSON object a line, sent at once. The response begins with the first event, so that an error
// before it has a status of its own.
class LineSink final : public ExecSink {
 public:
  explicit LineSink(Call& call) : call_(call) {}
  net::Task<Answer<void>> on_start(std::uint32_t pid) override;
  net::Task<Answer<void>> on_output(OutputKind kind, std::string_view bytes) override;
  net::Task<Answer<void>> on_end(int exit_code, std::string_view error) override;
  // The last line of a stream that broke.
  net::Task<Answer<void>> on_error(ApiError error);

 private:
  net::Task<Answer<void>> send(std::string line);

  Call& call_;
  const base::SteadyTime began_ = base::steady_now();
};

}  // namespace wrenn::control
