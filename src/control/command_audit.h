// What the subcommands of wrenn-cp change stands in the log of changes, too.
#pragma once

#include <string_view>

#include "db/database.h"

namespace wrenn::control {

// After it was done, by whoever has the machine. That it cannot be logged is said on stderr.
// `action` and `type` as in AuditRule.
void note_command(db::Database& database, std::string_view action, std::string_view type,
                  std::string_view id);

}  // namespace wrenn::control
