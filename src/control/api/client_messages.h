// What clients say on the API's WebSockets: JSON objects with a "type". Pure and thread-safe; meets
// hostile bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/api/errors.h"
#include "control/api/requests.h"

namespace wrenn::control {

inline constexpr std::size_t kMaxSocketMessage = 1u << 20;

// {"type":"auth","token":KEY}
Answer<std::string> parse_auth_message(std::string_view text);
// An auth message may come though the key was in a header: it is let go.
bool is_auth_message(std::string_view text);

struct StartParams : CommandParams {
  std::uint32_t cols = 80;  // This and the next: of a terminal.
  std::uint32_t rows = 24;
  bool has_stdin = true;  // This and the next: of a command without one.
  bool kill_on_close = false;
};
struct AttachParams {
  ProcessSelector process;
  std::optional<std::uint64_t> offset;  // Absent: from now on.
};
using OpeningMessage = std::variant<StartParams, AttachParams>;

// The first message: "start" or "connect". A terminal is named by its tag, a command also by "pid".
Answer<OpeningMessage> parse_pty_opening(std::string_view text);
Answer<OpeningMessage> parse_exec_opening(std::string_view text);
// The offset of an address: digits, or empty for none.
Answer<std::optional<std::uint64_t>> parse_offset(std::string_view text);

struct ClientInput {
  enum class Kind { kNone, kData, kResize, kKill, kCloseStdin, kStop };
  Kind kind = Kind::kNone;  // None: a type that is not known, or that asks for nothing.
  std::string data;         // Of kData: the bytes.
  std::uint32_t cols = 0;
  std::uint32_t rows = 0;
};
// What follows: "input", "resize", "kill".
Answer<ClientInput> parse_pty_input(std::string_view text);
// "stdin", "stdin_close", "kill", "stop".
Answer<ClientInput> parse_exec_input(std::string_view text);

}  // namespace wrenn::control
