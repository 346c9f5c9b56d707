// What /init told the agent, and who acts in a request.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"
#include "envd/users.h"
#include "net/headers.h"

namespace wrenn::envd {

struct GuestSettings {
  base::Secret token;  // Empty before the first /init that brings one.
  std::map<std::string, std::string> env;
  std::string default_user = "root";
  std::string default_workdir;  // Empty: the user's home.
  std::shared_ptr<UserCache> users = std::make_shared<UserCache>();
  // The latest time that an /init has brought, nanoseconds since 1970.
  std::optional<std::int64_t> last_init;
};

// The user that acts and the rules for the paths it names.
struct Actor {
  User user;
  std::vector<gid_t> groups;
  base::Path directory;  // Where relative paths start.

  base::Result<base::Path> resolve(std::string_view path) const;
};

// `name` empty: the default user. kUnauthenticated for an unknown one.
base::Result<Actor> find_actor(const GuestSettings& settings, std::string_view name);
// The same by the request's Basic credentials ("user:").
base::Result<Actor> find_actor(const GuestSettings& settings, const net::Headers& headers);

}  // namespace wrenn::envd
