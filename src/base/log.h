// Structured logging to standard error. Thread-safe. Never pass a secret: Secret has no text form.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace wrenn::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

struct LogField {
  std::string_view name;
  std::string value;

  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const char* v) : name(n), value(v) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(v) {}
  LogField(std::string_view n, const Error& e) : name(n), value(e.to_string()) {}
  template <std::integral T>
  LogField(std::string_view n, T v) : name(n), value(concat(v)) {}
};

// Called once by main() before any thread starts. `process` stands in front of every line.
// An unknown level name is an error that lists the known ones.
Result<LogLevel> log_level_from_name(std::string_view name);
void log_start(std::string_view process, LogLevel level);

// One line: time, level, process, message, name=value fields; control characters are escaped, so
// that no value can forge a line.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
inline void log_debug(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::kDebug, m, f);
}
inline void log_info(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::kInfo, m, f);
}
inline void log_warn(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::kWarn, m, f);
}
inline void log_error(std::string_view m, std::initializer_list<LogField> f = {}) {
  log(LogLevel::kError, m, f);
}

}  // namespace wrenn::base
