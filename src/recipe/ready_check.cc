#include <algorithm>

#include "base/strings.h"
#include "recipe/duration.h"
#include "recipe/words.h"
#include "recipe/wrenn_recipe.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;
using base::fail;

constexpr std::string_view kForm =
    "write it as --interval=3s --timeout=10s --start-period=30s --retries=5 COMMAND";
constexpr unsigned kMaxRetries = 100'000;

base::Result<Duration> take_duration(std::string_view name, std::string_view value) {
  const auto duration = parse_duration(value);
  if (duration) return *duration;
  return fail(Code::kInvalidArgument,
              concat("ready check: --", name, "=", value, " is no duration"),
              "write it as 500ms, 90s, 5m or 1h30m");
}

base::Result<void> take_flag(ReadyCheck& check, bool& has_deadline, std::string_view word) {
  const std::size_t equals = word.find('=');
  const std::string_view name =
      word.substr(2, equals == std::string_view::npos ? equals : equals - 2);
  if (equals == std::string_view::npos) {
    return fail(Code::kInvalidArgument, concat("ready check: --", name, " has no value"),
                std::string(kForm));
  }
  const std::string_view value = word.substr(equals + 1);
  if (name == "retries") {
    const auto retries = base::parse_int<unsigned>(value);
    if (!retries || *retries > kMaxRetries) {
      return fail(Code::kInvalidArgument,
                  concat("ready check: --retries=", value, " is no number of retries"),
                  concat("it is from 0 to ", kMaxRetries));
    }
    check.retries = *retries;
    return {};
  }
  Duration* target = name == "interval"       ? &check.interval
                     : name == "timeout"      ? &check.timeout
                     : name == "start-period" ? &check.start_period
                     : name == "deadline"     ? &check.deadline
                                              : nullptr;
  if (target == nullptr) {
    return fail(Code::kInvalidArgument, concat("ready check: --", name, " is not known"),
                std::string(kForm));
  }
  WRENN_TRY_ASSIGN(*target, take_duration(name, value));
  has_deadline = has_deadline || target == &check.deadline;
  if (target->count() == 0 && target != &check.start_period) {
    return fail(Code::kInvalidArgument, concat("ready check: --", name, "=", value, " is nothing"),
                "leave it out, or write a longer time");
  }
  return {};
}

// White space outside of quotes as one space: a check may be written over several lines.
std::string collapse(std::string_view text) {
  std::string out;
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == 0 && is_space(c)) {
      if (!out.ends_with(' ')) out += ' ';
      while (at + 1 < text.size() && is_space(text[at + 1])) ++at;
      continue;
    }
    out += c;
    if (c == '\\' && quote != '\'' && at + 1 < text.size()) {
      out += text[++at];
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
  }
  return out;
}

}  // namespace

base::Result<ReadyCheck> parse_ready_check(std::string_view text) {
  if (text.size() > 64 * 1024 || text.contains('\0')) {
    return fail(Code::kInvalidArgument, "the ready check is longer than 64 KiB, or has a NUL in it",
                "put it into a script, and call that");
  }
  ReadyCheck check;
  bool has_deadline = false;
  FirstWord first = take_word(text);
  while (first.word.starts_with("--")) {
    WRENN_TRY(take_flag(check, has_deadline, first.word));
    text = first.rest;
    first = take_word(text);
  }
  if (first.word.empty()) {
    return fail(Code::kInvalidArgument, "the ready check has no command", std::string(kForm));
  }
  check.command = Command::shell(collapse(base::trim(text)));
  if (!has_deadline) {
    const Duration tries =
        check.retries == 0
            ? Duration(std::chrono::minutes(10))
            : (check.retries + 1) * (std::min<Duration>(check.interval, std::chrono::hours(1)) +
                                     std::min<Duration>(check.timeout, std::chrono::hours(1)));
    check.deadline = check.start_period + tries;
  }
  return check;
}

}  // namespace wrenn::recipe
