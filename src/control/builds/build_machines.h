// BuildMachines: the sandboxes that one build has at a time. At most kAtOnce; fewer when the team's
// quota or the hosts have no room for so many, which never ends a build that could go on with
// fewer.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "control/builds/build_guest.h"
#include "control/builds/build_log.h"
#include "net/loop.h"

namespace wrenn::control {

// What a try has learnt that the next one is to know.
struct BuildExperience {
  std::set<std::string> silent_hosts;  // Layers that are there are not looked for.
};

// For one loop. Everything that it is made with outlives it. Of those who use it none holds a
// machine while it waits for another one, so that a single one is enough for any build.
class BuildMachines {
 public:
  using Machine = std::list<BuildGuest>::iterator;
  static constexpr std::size_t kAtOnce = 4;

  BuildMachines(Services& services, const db::Build& build, std::string template_name,
                BuildLog& log, BuildExperience& experience)
      : services_(services),
        build_(build),
        template_name_(std::move(template_name)),
        log_(log),
        experience_(experience) {}

  // Waits for room: as long as another machine of this build runs, and kRoomLimit beyond that. For
  // those who have no machine.
  net::Task<base::Result<Machine>> start(Origin origin);
  // Nothing when there is no room now: for those who have one, and may have to end that first.
  net::Task<base::Result<std::optional<Machine>>> try_start(Origin origin);
  net::Task<void> end(Machine machine);
  // All that are left. Nothing is started any more.
  net::Task<void> clear();

  // Somebody in start() finds no room: who has a machine without need gives it back.
  bool is_wanted() const { return waiting_ > 0; }
  // Until something of all this has changed, or changed() was called.
  net::Task<base::Result<void>> wait();
  void changed() {
    ++version_;
    changes_.wake_all();
  }

 private:
  static constexpr auto kRoomLimit = std::chrono::minutes(5);
  static constexpr auto kRoomPause = std::chrono::seconds(3);

  std::size_t at_work() const { return machines_.size() + starting_; }
  net::Task<base::Result<Machine>> make(Origin origin);
  net::Task<base::Result<Machine>> wait_for_room(Origin origin, bool& is_waiting);
  net::Task<base::Error> explain(base::Error error, Origin origin);
  net::Task<base::Result<void>> pause();

  Services& services_;
  const db::Build& build_;
  const std::string template_name_;
  BuildLog& log_;
  BuildExperience& experience_;
  std::list<BuildGuest> machines_;
  std::size_t starting_ = 0;
  std::size_t waiting_ = 0;
  bool had_one_ = false;
  bool has_said_ = false;
  std::uint64_t version_ = 0;  // Counts the changes.
  net::WaitList changes_;
};

}  // namespace wrenn::control
