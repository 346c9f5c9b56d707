// Structured logging to standard error. Thread-safe. Never pass a secret: Secret has no text form.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace wrenn::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
// For people, or one JSON object a line for programs.
enum class LogFormat { kText, kJson };

struct LogField {
  std::string_view name;
  std::string value;
  bool is_number = false;

  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const char* v) : name(n), value(v) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(v) {}
  LogField(std::string_view n, const Error& e) : name(n), value(e.to_string()) {}
  template <std::integral T>
  LogField(std::string_view n, T v) : name(n), value(concat(v)), is_number(true) {}
};

// An unknown name is an error that lists the known ones.
Result<LogLevel> log_level_from_name(std::string_view name);
Result<LogFormat> log_format_from_name(std::string_view name);
// Called once by main() before any thread starts. `process` stands in every line.
void log_start(std::string_view process, LogLevel level, LogFormat format = LogFormat::kText);
// By names, as flags and environment have them.
Result<void> log_start(std::string_view process, std::string_view level, std::string_view format);

// One line. Fields without a value are left out. As text: time, level, process, message, and
// name=value; control characters are escaped, so that no value can forge a line. As JSON: ts,
// level, program, msg and the fields beside them.
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

// What log() writes as JSON, without the end of the line. Pure.
std::string json_log_line(std::int64_t unix_ms, std::string_view process, LogLevel level,
                          std::string_view message, std::initializer_list<LogField> fields);

}  // namespace wrenn::base
