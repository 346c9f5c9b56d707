#include "control/builds/build_machines.h"

#include <utility>

#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/services.h"
#include "net/scope.h"
#include "net/sync.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;

// No room for a machine, or nobody answers: it may be there later.
bool is_passing(const base::Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kResourceExhausted;
}

}  // namespace

Task<Result<BuildMachines::Machine>> BuildMachines::make(Origin origin) {
  ++starting_;
  auto guest = co_await BuildGuest::start(services_, build_, std::move(origin), template_name_);
  --starting_;
  if (!guest) co_return base::fail(std::move(guest).error());
  had_one_ = true;
  co_return machines_.insert(machines_.end(), *std::move(guest));
}

Task<Result<std::optional<BuildMachines::Machine>>> BuildMachines::try_start(Origin origin) {
  if (at_work() >= kAtOnce) co_return std::nullopt;
  auto made = co_await make(origin);
  if (made) co_return *made;
  if (is_passing(made.error())) co_return std::nullopt;
  co_return base::fail(co_await explain(std::move(made).error(), std::move(origin)));
}

Task<Result<BuildMachines::Machine>> BuildMachines::start(Origin origin) {
  bool is_waiting = false;
  auto made = co_await wait_for_room(std::move(origin), is_waiting);
  if (is_waiting) --waiting_;
  co_return made;
}

Task<Result<BuildMachines::Machine>> BuildMachines::wait_for_room(Origin origin, bool& is_waiting) {
  auto until = base::steady_now() + kRoomLimit;
  while (true) {
    const std::uint64_t version = version_;
    if (at_work() < kAtOnce) {
      auto made = co_await make(origin);
      if (made) co_return *made;
      if (!is_passing(made.error())) {
        co_return base::fail(co_await explain(std::move(made).error(), std::move(origin)));
      }
      const auto now = base::steady_now();
      if (at_work() > 0) until = now + kRoomLimit;
      // A quota that is used up by others before the build has begun is for people to look at.
      const bool is_over = made.error().code == Code::kResourceExhausted && !had_one_;
      if (is_over && at_work() == 0) co_return made;
      if (now >= until) {
        if (origin.host_id) experience_.silent_hosts.insert(*origin.host_id);
        co_return made;
      }
      if (!std::exchange(has_said_, true)) {
        const char* what = at_work() > 0 ? "stages take turns: " : "waiting for a host: ";
        log_.say(0, "notice", concat(what, made.error().message));
      }
    }
    if (!std::exchange(is_waiting, true)) {
      ++waiting_;
      changed();
    } else if (version == version_) {
      WRENN_CO_TRY(co_await pause());
    }
  }
}

Task<base::Error> BuildMachines::explain(base::Error error, Origin origin) {
  if (!base::is_id(base::kTemplatePrefix, origin.name_on_host)) co_return error;
  // What was kept may be of no use any more, as after an upgrade of the hypervisor.
  const auto removed = co_await services_.database_pool.run(
      [&] { return services_.layers.discard(origin.name_on_host); });
  if (!removed) {
    base::log_warn("a layer of no use is not forgotten",
                   {{"layer", origin.name_on_host}, {"error", removed.error()}});
  }
  co_return base::Error(Code::kUnavailable,
                        concat("what was kept of an earlier build is of no use: ", error.message));
}

// Room may come from elsewhere, too: it is looked for again after a while.
Task<Result<void>> BuildMachines::pause() {
  const auto waited = co_await net::with_timeout(kRoomPause, wait());
  if (!waited && waited.error().code != Code::kDeadlineExceeded) co_return waited;
  co_return {};
}

Task<Result<void>> BuildMachines::wait() {
  if (co_await changes_.wait() == net::Woken::kStopped) co_return base::fail(net::stopped_error());
  co_return {};
}

Task<void> BuildMachines::end(Machine machine) {
  co_await machine->destroy();
  machines_.erase(machine);
  changed();
}

Task<void> BuildMachines::clear() {
  while (!machines_.empty()) co_await end(machines_.begin());
}

}  // namespace wrenn::control
