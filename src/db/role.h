// What a member of a team may do. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace wrenn::db {

// Each may do what the ones before it may.
enum class Role : std::uint8_t { kMember, kAdmin, kOwner };

// "member", "admin", "owner": in the database and on the wire.
std::string_view role_name(Role role);
std::optional<Role> role_from_name(std::string_view name);

}  // namespace wrenn::db
