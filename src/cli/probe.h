// What the API answers to a question that changes nothing.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "cli/config.h"

namespace wrenn::cli {

enum class KeyState { kAccepted, kRefused };

// GET /health. The server's version.
base::Result<std::string> probe_health(const Settings& settings, base::Duration patience);
// Any answer but 401 counts as accepted.
base::Result<KeyState> probe_key(const Settings& settings, base::Duration patience);

}  // namespace wrenn::cli
