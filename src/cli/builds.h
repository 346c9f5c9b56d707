// Builds of templates, and the lines of their logs, as the API describes them. Pure and
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::cli {

class Paint;

struct Build {
  std::string id;
  std::string name;
  std::string tag;
  std::string status;  // "waiting", "building", "ready", "failed" or "canceled".
  std::int64_t step = 0;
  std::int64_t steps = 0;  // 0: not known yet.
  std::int64_t cached_steps = 0;
  std::string error;
  std::string created_at;
  std::string started_at;   // Empty: it was not begun.
  std::string finished_at;  // Empty: it is not over.

  // How long it has been at work; nothing before it was begun.
  std::optional<std::int64_t> took_ms(std::int64_t now_ms) const;
};

// kInternal when the reply is not what the API promises.
base::Result<Build> parse_build(std::string_view json);
base::Result<std::vector<Build>> parse_build_list(std::string_view json);

// The one id that begins with `prefix`, with or without "bld-". kNotFound, or kInvalidArgument when
// several do.
base::Result<std::string> match_build_id(const std::vector<Build>& builds, std::string_view prefix);
// Whether it is a whole id.
bool is_build_id(std::string_view text);

// The table of `template builds`. `now_ms`: milliseconds since 1970.
std::string build_table(const std::vector<Build>& builds, std::int64_t now_ms, const Paint& paint);

// "built app:latest (version 3) in 12.3 s, 4 of 7 steps cached". `version` 0: not known.
std::string built_line(const Build& build, std::int64_t version);

struct BuildLine {
  enum class Kind { kStep, kCached, kDone, kStdout, kStderr, kNotice, kError, kEnd, kUnknown };
  Kind kind = Kind::kUnknown;
  std::int64_t number = 0;     // 0 of kEnd.
  std::int64_t step = 0;       // 0: the build as a whole.
  std::int64_t at_ms = 0;      // By the server's clock; 0: not said.
  std::string text;            // As the API has it: not to be shown as it is.
  std::optional<Build> build;  // Of kEnd.
};

// An unknown kind is no error: a newer server may have more of them. kDataLoss for what is no line
// of a log at all.
base::Result<BuildLine> parse_build_line(std::string_view json);

}  // namespace wrenn::cli
