// Puts the address and the key of a Wrenn on this machine where later commands find them.
#pragma once

#include "base/result.h"
#include "cli/config.h"
#include "cli/console.h"

namespace wrenn::cli {

// Writes the configuration of the caller and, under sudo, that of the person behind it, unless
// they say so already. A configuration for another server is kept beside it as config.json.old.
base::Result<void> install_config(const Flags& flags, const Environment& environment,
                                  const Settings& settings, const Console& console);

}  // namespace wrenn::cli
