#include "base/log.h"

// Header-only here and nowhere else: envd links statically, and Debian ships no static spdlog.
#undef SPDLOG_COMPILED_LIB
#define SPDLOG_HEADER_ONLY
#undef SPDLOG_FMT_EXTERNAL
#define FMT_HEADER_ONLY
#define SPDLOG_FMT_EXTERNAL
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

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

void log_start(std::string_view process, LogLevel level) {
  auto logger = std::make_shared<spdlog::logger>(std::string(process),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %n %v");
  logger->set_level(to_spdlog(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  const auto spdlog_level = to_spdlog(level);
  if (!spdlog::default_logger_raw()->should_log(spdlog_level)) return;
  std::string line(message);
  for (const auto& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    append_escaped(line, field.value);
  }
  spdlog::default_logger_raw()->log(spdlog_level, "{}", line);
}

}  // namespace wrenn::base
