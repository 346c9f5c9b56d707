// What the API says on its WebSockets. Pure and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/errors.h"
#include "control/api/exec_sink.h"

namespace wrenn::control {

std::string pty_started_message(std::string_view tag, std::uint32_t pid, std::uint64_t offset);
std::string pty_output_message(std::string_view bytes, std::uint64_t offset);

// `tag`: left out when it is empty.
std::string exec_start_message(std::string_view tag, std::uint32_t pid, std::uint64_t offset);
// Text where the bytes are UTF-8, else base64 with an "encoding".
std::string exec_output_message(OutputKind kind, std::string_view bytes, std::uint64_t offset);

// `error`: left out when it is empty.
std::string exit_message(int exit_code, std::string_view error);
enum class Severity { kPassing, kFatal };  // Fatal: the socket closes.
std::string error_message(const ApiError& error, Severity severity);
std::string ping_message();

// Cuts the two outputs of a command into messages so that text stays text: a character whose end
// has not come yet is held back until it has. The order of the bytes is kept, across the two
// outputs as well.
class TextOutput {
 public:
  // `offset`: of the first byte, in both outputs together.
  std::vector<std::string> add(OutputKind kind, std::string_view bytes, std::uint64_t offset);
  // What is held back, at the end.
  std::vector<std::string> flush();

 private:
  OutputKind kind_ = OutputKind::kStdout;
  std::string held_;  // Of that output; at most three bytes.
  std::uint64_t held_offset_ = 0;
};

// How many bytes at the end begin a character that goes on behind them: 0 to 3.
std::size_t unfinished_character(std::string_view bytes);

}  // namespace wrenn::control
