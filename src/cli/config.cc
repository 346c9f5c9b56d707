#include "cli/config.h"

#include <cstdlib>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kHowToConfigure =
    "start Wrenn here with `sudo wrenn up`, or set WRENN_API_URL and WRENN_API_KEY";

std::string trimmed(const std::string& text) {
  return std::string(base::trim(text));
}

std::string first_of(const std::string& flag, std::optional<std::string> variable,
                     std::string_view from_file) {
  if (!flag.empty()) return trimmed(flag);
  if (variable) return trimmed(*variable);
  return std::string(from_file);
}

// The file matters only as far as nothing stronger was said, so that a broken one does not stand
// in the way of flags.
base::Result<Settings> read_if_needed(const Flags& flags, const Environment& environment) {
  const bool has_url = !flags.api_url.empty() || environment("WRENN_API_URL");
  const bool has_key = !flags.api_key.empty() || environment("WRENN_API_KEY");
  if (has_url && has_key) return Settings();
  const bool is_explicit = !flags.config.empty() || environment("WRENN_CONFIG");
  const auto path = config_path(flags, environment);
  if (!path) return Settings();
  auto file = read_config(*path);
  if (!file && file.error().code == base::Code::kNotFound && !is_explicit) return Settings();
  return file;
}

}  // namespace

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

base::Result<base::Path> config_path(const Flags& flags, const Environment& environment) {
  if (!flags.config.empty()) return base::Path(flags.config);
  if (auto path = environment("WRENN_CONFIG")) return base::Path(*path);
  if (auto xdg = environment("XDG_CONFIG_HOME")) return base::Path(*xdg) / "wrenn/config.json";
  if (auto home = environment("HOME")) return base::Path(*home) / ".config/wrenn/config.json";
  return base::fail(base::Code::kFailedPrecondition,
                    "there is no place for the configuration: HOME is not set",
                    "name a file with --config or WRENN_CONFIG");
}

base::Result<Settings> read_config(const base::Path& path) {
  auto text = base::read_file(path, 1 << 20);
  if (!text) {
    auto error = std::move(text).error().with_context("cannot read the configuration");
    error.remedy = kHowToConfigure;
    return base::fail(std::move(error));
  }
  auto value = parse_json(*text);
  const auto* object = value ? value->if_object() : nullptr;
  if (object == nullptr) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat("the configuration ", path.native(), " is not a JSON object"),
                      "it should read {\"api_url\": \"...\", \"api_key\": \"...\"}");
  }
  return Settings{trimmed(string_field(*object, "api_url")),
                  base::Secret(trimmed(string_field(*object, "api_key")))};
}

base::Result<void> write_config(const base::Path& path, const Settings& settings) {
  boost::json::object object;
  object["api_url"] = settings.api_url;
  object["api_key"] = settings.api_key.reveal();
  if (path.has_parent_path()) WRENN_TRY(base::make_dirs(path.parent_path(), 0700));
  return base::write_file_atomic(path, pretty_json(object) + "\n", 0600);
}

base::Result<Settings> load_settings(const Flags& flags, const Environment& environment) {
  WRENN_TRY_ASSIGN(const Settings file, read_if_needed(flags, environment));
  Settings settings;
  settings.api_url = first_of(flags.api_url, environment("WRENN_API_URL"), file.api_url);
  settings.api_key =
      base::Secret(first_of(flags.api_key, environment("WRENN_API_KEY"), file.api_key.reveal()));
  if (settings.api_url.empty()) {
    return base::fail(base::Code::kFailedPrecondition, "no API address is configured",
                      std::string(kHowToConfigure));
  }
  if (settings.api_key.empty()) {
    return base::fail(base::Code::kFailedPrecondition, "no API key is configured",
                      std::string(kHowToConfigure));
  }
  return settings;
}

}  // namespace wrenn::cli
