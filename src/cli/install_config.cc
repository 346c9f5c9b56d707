#include "cli/install_config.h"

#include <grp.h>
#include <pwd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

base::Result<void> install_at(const base::Path& path, const Settings& settings,
                              const Console& console) {
  const auto present = read_config(path);
  if (present && present->api_url == settings.api_url &&
      present->api_key.equals(settings.api_key.reveal())) {
    return {};
  }
  if (present && !present->api_url.empty() && present->api_url != settings.api_url) {
    const base::Path old = path.native() + ".old";
    WRENN_TRY(write_config(old, *present));
    console.say(
        base::concat(path.native(), " was for ", present->api_url, ": kept as ", old.native()));
  }
  WRENN_TRY(write_config(path, settings));
  console.say(base::concat("Saved the address and the key in ", path.native()));
  return {};
}

// Only as that user: a home directory is not root's to write to.
int install_as_user(const passwd& user, const Settings& settings, const Console& console) {
  if (::initgroups(user.pw_name, user.pw_gid) != 0 ||
      ::setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
      ::setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0) {
    return 1;
  }
  const auto path = base::Path(user.pw_dir) / ".config/wrenn/config.json";
  const auto installed = install_at(path, settings, console);
  if (!installed) console.report(installed.error());
  return 0;
}

}  // namespace

base::Result<void> install_config(const Flags& flags, const Environment& environment,
                                  const Settings& settings, const Console& console) {
  WRENN_TRY_ASSIGN(const base::Path path, config_path(flags, environment));
  WRENN_TRY(install_at(path, settings, console));
  const auto caller = base::parse_int<uid_t>(environment("SUDO_UID").value_or(""));
  if (!caller || *caller == 0 || !flags.config.empty() || environment("WRENN_CONFIG")) return {};
  const passwd* user = ::getpwuid(*caller);
  if (user == nullptr || user->pw_dir == nullptr ||
      path == base::Path(user->pw_dir) / ".config/wrenn/config.json") {
    return {};
  }
  const pid_t child = ::fork();
  if (child < 0) return base::fail_errno(errno, "cannot create a process");
  if (child == 0) ::_exit(install_as_user(*user, settings, console));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {};
}

}  // namespace wrenn::cli
