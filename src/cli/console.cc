#include "cli/console.h"

#include <unistd.h>

#include <cstdlib>

#include <boost/json.hpp>

#include "base/files.h"
#include "base/strings.h"
#include "cli/json_text.h"

namespace wrenn::cli {
namespace {

bool colours_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool refused = no_color != nullptr && *no_color != '\0';
  return !refused && term != nullptr && std::string_view(term) != "dumb";
}

}  // namespace

std::string Paint::wrap(std::string_view code, std::string_view text) const {
  if (!enabled_) return std::string(text);
  return base::concat("\x1b[", code, "m", text, "\x1b[0m");
}

Console Console::detect() {
  Console console;
  console.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  console.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  console.out_paint = Paint(console.out_is_terminal && colours_wanted());
  console.err_paint = Paint(console.err_is_terminal && colours_wanted());
  return console;
}

base::Result<void> Console::out(std::string_view bytes) const {
  auto written = base::write_all(STDOUT_FILENO, bytes);
  if (!written) {
    return base::fail(std::move(written).error().with_context("cannot write to standard output"));
  }
  return {};
}

base::Result<void> Console::out_json(std::string_view text) const {
  if (out_is_terminal) {
    if (const auto value = parse_json(text)) return out(pretty_json(*value) + "\n");
  }
  return out(base::concat(base::trim(text), '\n'));
}

void Console::say(std::string_view line) const {
  [[maybe_unused]] const auto lost = base::write_all(STDERR_FILENO, base::concat(line, '\n'));
}

void Console::report(const base::Error& error) const {
  say(base::concat(err_paint.red("error:"), ' ', error.message));
  if (!error.remedy.empty()) say(base::concat(err_paint.dim("hint:"), ' ', error.remedy));
}

int Console::usage(std::string_view message, std::string_view hint) const {
  report(base::Error(base::Code::kInvalidArgument, std::string(message), std::string(hint)));
  return kUsage;
}

}  // namespace wrenn::cli
