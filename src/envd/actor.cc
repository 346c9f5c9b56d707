#include "envd/actor.h"

#include "base/strings.h"
#include "envd/guest_path.h"

namespace wrenn::envd {

base::Result<base::Path> Actor::resolve(std::string_view path) const {
  return resolve_path(path, user.home, directory);
}

base::Result<Actor> find_actor(const GuestSettings& settings, std::string_view name) {
  WRENN_TRY_ASSIGN(const auto users, settings.users->get());
  WRENN_TRY_ASSIGN(User user, users->find(name.empty() ? settings.default_user : name));
  Actor actor{std::move(user), {}, {}};
  actor.groups = users->groups_of(actor.user);
  WRENN_TRY_ASSIGN(actor.directory,
                   resolve_path(settings.default_workdir, actor.user.home, actor.user.home));
  return actor;
}

base::Result<Actor> find_actor(const GuestSettings& settings, const net::Headers& headers) {
  const std::string_view field = headers.find("authorization").value_or("");
  if (!base::equal_ignore_case(field.substr(0, 6), "basic ")) return find_actor(settings, "");
  const auto credentials = base::from_base64(base::trim(field.substr(6)));
  if (!credentials) {
    return base::fail(base::Code::kUnauthenticated, "the Basic credentials are malformed");
  }
  return find_actor(settings, std::string_view(*credentials).substr(0, credentials->find(':')));
}

}  // namespace wrenn::envd
