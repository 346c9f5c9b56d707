// Which API to talk to, and with which key: flags, then the environment, then a file.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"

namespace wrenn::cli {

// --api-url, --api-key and --config; empty when not given.
struct Flags {
  std::string api_url;
  std::string api_key;
  std::string config;
};

// A variable's value; an empty one counts as not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment process_environment();

struct Settings {
  std::string api_url;
  base::Secret api_key;
};

// --config, $WRENN_CONFIG, $XDG_CONFIG_HOME/wrenn/config.json, $HOME/.config/wrenn/config.json.
// kFailedPrecondition when none of them is known.
base::Result<base::Path> config_path(const Flags& flags, const Environment& environment);

// What the file says; fields that are missing are empty. kNotFound when there is no file.
base::Result<Settings> read_config(const base::Path& path);
// Makes the directory (0700) and the file (0600).
base::Result<void> write_config(const base::Path& path, const Settings& settings);

// Each value from the first place that has it. kFailedPrecondition, with what to do, when a value
// is nowhere. A file named explicitly must exist.
base::Result<Settings> load_settings(const Flags& flags, const Environment& environment);

}  // namespace wrenn::cli
