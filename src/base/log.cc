#include "base/log.h"

// Header-only here and nowhere else: envd links statically, and Debian ships no static spdlog.
#undef SPDLOG_COMPILED_LIB
#define SPDLOG_HEADER_ONLY
#undef SPDLOG_FMT_EXTERNAL
#define FMT_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/json_text.h"
#include "base/time.h"

namespace wrenn::base {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

// Whose lines are made whole before they come to it.
class JsonLogger final : public spdlog::logger {
 public:
  using spdlog::logger::logger;
};

void append_escaped(std::string& out, std::string_view value) {
  const bool quote = value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
  if (quote) out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += "\\x";
      out += to_hex({&c, 1});
    } else {
      out += c;
    }
  }
  if (quote) out += '"';
}

}  // namespace

Result<LogLevel> log_level_from_name(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warn") return LogLevel::kWarn;
  if (name == "error") return LogLevel::kError;
  return fail(Code::kInvalidArgument, concat("log level '", name, "' is not known"),
              "use debug, info, warn or error");
}

Result<LogFormat> log_format_from_name(std::string_view name) {
  if (name == "text") return LogFormat::kText;
  if (name == "json") return LogFormat::kJson;
  return fail(Code::kInvalidArgument, concat("log format '", name, "' is not known"),
              "use text or json");
}

Result<void> log_start(std::string_view process, std::string_view level, std::string_view format) {
  WRENN_TRY_ASSIGN(const LogLevel known_level, log_level_from_name(level));
  WRENN_TRY_ASSIGN(const LogFormat known_format, log_format_from_name(format));
  log_start(process, known_level, known_format);
  return {};
}

void log_start(std::string_view process, LogLevel level, LogFormat format) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  const std::string name(process);
  const auto logger = format == LogFormat::kJson ? std::make_shared<JsonLogger>(name, sink)
                                                 : std::make_shared<spdlog::logger>(name, sink);
  logger->set_pattern(format == LogFormat::kJson ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %n %v");
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  const auto spdlog_level = to_spdlog(level);
  auto* const logger = spdlog::default_logger_raw();
  if (!logger->should_log(spdlog_level)) return;
  if (dynamic_cast<JsonLogger*>(logger) != nullptr) {
    logger->log(spdlog_level, "{}",
                json_log_line(unix_ms_now(), logger->name(), level, message, fields));
    return;
  }
  std::string line(message);
  for (const auto& field : fields) {
    if (field.value.empty()) continue;
    line += ' ';
    line += field.name;
    line += '=';
    append_escaped(line, field.value);
  }
  logger->log(spdlog_level, "{}", line);
}

std::string json_log_line(std::int64_t unix_ms, std::string_view process, LogLevel level,
                          std::string_view message, std::initializer_list<LogField> fields) {
  std::string line = "{";
  append_json_field(line, "ts", rfc3339(unix_ms));
  append_json_field(line, "level", level_name(level));
  append_json_field(line, "program", process);
  append_json_field(line, "msg", message);
  for (const auto& field : fields) {
    if (field.value.empty()) continue;
    if (!field.is_number) {
      append_json_field(line, field.name, field.value);
      continue;
    }
    line += ',';
    append_json_string(line, field.name);
    line += ':';
    line += field.value;
  }
  line += '}';
  return line;
}

}  // namespace wrenn::base
