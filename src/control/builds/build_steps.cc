#include "control/builds/build_steps.h"

#include "base/strings.h"
#include "net/byte_source.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

constexpr auto kStepLimit = std::chrono::minutes(60);

// $1 the directory, $2 whose what is made is.
constexpr const char* kMakeDirectory = R"sh(
umask 022
made=
dir=$1
while [ ! -e "$dir" ] && [ ! -L "$dir" ]; do made=$dir; dir=$(dirname -- "$dir"); done
[ -n "$made" ] || exit 0
mkdir -p -- "$1"
chown -R "$2" "$made")sh";

// $1 the user: with a home, and sudo without a password where there is sudo.
constexpr const char* kMakeUser = R"sh(
grep -q "^$1:" /etc/passwd && exit 0
if command -v useradd >/dev/null; then useradd --create-home --shell /bin/sh -- "$1"
else adduser -D -s /bin/sh "$1"
fi
if [ -d /etc/sudoers.d ]; then
  printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$1" >"/etc/sudoers.d/build-$1"
  chmod 0440 "/etc/sudoers.d/build-$1"
fi)sh";

Task<Result<void>> execute(const recipe::Execute& what, int step, BuildGuest& guest,
                           BuildLog& log) {
  if (what.script) {
    const std::string path(recipe::kScriptPath);
    WRENN_CO_TRY(co_await guest.script(R"sh(mkdir -p "$(dirname "$1")")sh", {path}));
    net::StringSource content(*what.script);
    WRENN_CO_TRY(co_await guest.write_file(path, content));
    WRENN_CO_TRY(co_await guest.script(R"sh(chmod 0755 "$1")sh", {path}));
  }
  const auto limit = what.timeout ? std::chrono::ceil<std::chrono::milliseconds>(*what.timeout)
                                  : std::chrono::milliseconds(kStepLimit);
  auto ended = co_await guest.run(what.process, limit, log, step);
  if (!ended && ended.error().code == Code::kDeadlineExceeded) {
    co_return base::fail(Code::kFailedPrecondition,
                         concat("it did not end within ", seconds_text(limit), " and was killed"),
                         "RUN --timeout=... gives it more");
  }
  if (!ended) co_return base::fail(std::move(ended).error());
  if (what.script) {
    WRENN_CO_TRY(co_await guest.script(R"sh(rm -f -- "$1")sh", {std::string(recipe::kScriptPath)}));
  }
  if (ended->code == 0) co_return {};
  co_return base::fail(Code::kFailedPrecondition,
                       ended->error.empty()
                           ? concat("exit status ", ended->code)
                           : concat("exit status ", ended->code, ": ", ended->error));
}

}  // namespace

std::string seconds_text(base::Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto tenths = static_cast<std::int64_t>(seconds * 10 + 0.5);
  return concat(tenths / 10, ".", tenths % 10, " s");
}

Task<Result<void>> do_in_guest(const PlannedStep& step, BuildGuest& guest, BuildLog& log) {
  if (const auto* what = std::get_if<recipe::Execute>(&step.action)) {
    co_return co_await execute(*what, step.number, guest, log);
  }
  if (const auto* launch = std::get_if<recipe::Launch>(&step.action)) {
    co_return co_await guest.launch(launch->process, concat("build-", step.number));
  }
  if (const auto* directory = std::get_if<recipe::MakeDirectory>(&step.action)) {
    WRENN_CO_TRY(co_await guest.script(kMakeDirectory, {directory->path, directory->owner}));
  } else if (const auto* user = std::get_if<recipe::EnsureUser>(&step.action)) {
    WRENN_CO_TRY(co_await guest.script(kMakeUser, {user->name}));
  }
  co_return {};
}

}  // namespace wrenn::control
