#include "control/lifecycle_steps.h"

#include "base/strings.h"
#include "net/loop.h"

namespace wrenn::control {

using base::concat;
using db::Sandbox;
using db::SandboxState;
using net::Task;

Task<Answer<Sandbox>> look_again(LifecycleServices services, std::string id) {
  // How often somebody who waits for another's change looks.
  constexpr auto kLookInterval = std::chrono::milliseconds(20);
  const auto waited = co_await net::sleep_for(kLookInterval);
  if (!waited) co_return std::unexpected(from_client(waited.error()));
  co_return db_answer(co_await services.database_pool.run(
      [&services, &id] { return services.sandboxes.get_any_team(id); }));
}

Task<Answer<bool>> transition(LifecycleServices services, std::string id, SandboxState from,
                              SandboxState to, db::SandboxChanges changes) {
  co_return db_answer(co_await services.database_pool.run([&services, &id, from, to, &changes] {
    return services.sandboxes.transition(id, {from}, to, changes);
  }));
}

Task<Answer<Changed>> finish(LifecycleServices services, std::string id, SandboxState from,
                             SandboxState to, db::SandboxChanges changes, Timings timings) {
  API_CO_TRY(co_await transition(services, id, from, to, std::move(changes)));
  API_CO_TRY_ASSIGN(Sandbox row, db_answer(co_await services.database_pool.run([&services, &id] {
                      return services.sandboxes.get_any_team(id);
                    })));
  if (row.status != to) {
    co_return std::unexpected(
        wrong_state(row, concat("it was to be ", db::state_name(to), " just now")));
  }
  co_return Changed{std::move(row), std::move(timings)};
}

ApiError too_slow(const Sandbox& row, base::Duration limit) {
  return wrong_state(row, concat("still after ", base::to_ms(limit) / 1000, " s; ask again"));
}

}  // namespace wrenn::control
