// The messages of the API's WebSockets for terminals and commands, as a client writes and reads
// them. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

struct WindowSize {
  int cols = 80;
  int rows = 24;
  bool operator==(const WindowSize&) const = default;
};

struct RemoteCommand {
  std::vector<std::string> command;  // The program and its arguments.
  std::map<std::string, std::string> envs;
  std::string cwd;
  std::string user;
};

std::string pty_start_message(const RemoteCommand& command, WindowSize size);
std::string pty_connect_message(std::string_view tag, std::uint64_t offset);
enum class CommandInput { kNone, kPipe };
// The command ends with its socket.
std::string exec_start_message(const RemoteCommand& command, CommandInput input);
// `type`: "input" of a terminal, "stdin" of a command.
std::string input_message(std::string_view type, std::string_view bytes);
std::string stdin_close_message();
std::string resize_message(WindowSize size);

struct ProcessMessage {
  enum class Kind { kStarted, kStdout, kStderr, kExit, kError, kOther };
  Kind kind = Kind::kOther;
  std::string data;          // Of output: raw bytes. What a terminal says is kStdout.
  std::uint64_t offset = 0;  // Of output and of kStarted.
  std::string tag;           // Of kStarted.
  std::int64_t exit_code = 0;
  base::Error error;      // Of kError; of kExit when the command did not end by itself.
  bool is_fatal = false;  // Of kError: the socket closes.
};

// A type that is not known is kOther. kDataLoss for what is not a message at all.
base::Result<ProcessMessage> parse_process_message(std::string_view text);

}  // namespace wrenn::cli
