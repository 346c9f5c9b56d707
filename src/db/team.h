// Teams own keys and sandboxes.
#pragma once

#include <string_view>

namespace wrenn::db {

// The platform's own team; the first migration makes it.
inline constexpr std::string_view kDefaultTeam = "team-0000000000000000000000000";

}  // namespace wrenn::db
