// Any message: it is read or refused, and what is read keeps to its limits; any output: all of its
// bytes are there again, and what is called text is.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "control/api/client_messages.h"
#include "control/api/output_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::control;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto token = parse_auth_message(text); token && token->empty()) std::abort();
  for (auto* parse : {parse_pty_opening, parse_exec_opening}) {
    const auto opening = parse(text);
    if (!opening) continue;
    if (const auto* start = std::get_if<StartParams>(&*opening)) {
      if (start->cmd.empty() || start->cols < 1 || start->cols > 65535) std::abort();
    } else if (const auto& process = std::get<AttachParams>(*opening).process;
               process.pid == 0 && process.tag.empty()) {
      std::abort();
    }
  }
  for (auto* parse : {parse_pty_input, parse_exec_input}) {
    const auto input = parse(text);
    if (input && input->data.size() > kMaxSocketMessage) std::abort();
  }
  if (unfinished_character(text) > 3) std::abort();
  TextOutput output;
  const std::size_t half = size / 2;
  (void)output.add(OutputKind::kStdout, text.substr(0, half), 0);
  (void)output.add(size % 2 == 0 ? OutputKind::kStdout : OutputKind::kStderr, text.substr(half),
                   half);
  (void)output.flush();
  return 0;
}
