// Scheduler: which hosts a sandbox may be placed on, the best first. Pure, for one thread, and it
// knows no more than it is told: whether there really is room is decided where the sandbox is
// written down (db::SandboxStore::insert_on).
//
// On a small fleet it looks at all hosts, on a large one at a few picked at random, so that a
// placement costs about the same on ten and on five thousand; several control planes that pick at
// random do not all choose the same host either. Only when none of those few has room it looks at
// all, so nothing is refused while there is room.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "db/host_capacity.h"

namespace wrenn::control {

using HostLabels = std::map<std::string, std::string>;

// What hosts prepare once and use again: a template, started with so much. Empty: what every host
// has from the start.
std::string recipe_of(std::string_view template_name, const db::Amounts& size);

struct Demand {
  db::Amounts amounts;
  std::string team_id;
  std::string recipe;                  // As recipe_of() makes it.
  HostLabels labels;                   // The host has all of these.
  std::optional<std::string> only_on;  // The one host that it can be on, whatever else holds.
};

struct HostFacts {
  std::string id;
  std::optional<std::string> team_id;  // Whose own it is; nothing: everybody's.
  HostLabels labels;
  db::Amounts most;       // That may be promised; 0: no limit.
  bool takes_new = true;  // It is not drained.
  bool answers = true;    // It was heard a moment ago.
  // What it really has left just now, however much is promised; below 0: not known.
  float free_share = -1;  // Of its memory or its disk, whichever is shorter: 0 to 1.
  float memory_free_mb = -1;
};

// What hosts a demand could be placed on, the best first.
struct Candidates {
  std::vector<std::string> hosts;
  // False: none has room, as far as is known, and these are worth a try before that is said.
  bool have_room = true;
};

class Scheduler {
 public:
  static constexpr std::size_t kLookAtAll = 16;  // Hosts; of more, so many are picked.
  static constexpr std::size_t kCandidates = 4;

  explicit Scheduler(std::uint64_t seed) : random_(seed) {}

  // The fleet as it is now. What is known of the load and the recipes of a host stays.
  void set_hosts(std::vector<HostFacts> hosts);
  // What it has to keep. Unknown hosts are ignored, here and below.
  void set_load(std::string_view host_id, const db::Amounts& load);
  void add_load(std::string_view host_id, const db::Amounts& amounts);
  // It has that ready.
  void add_recipe(std::string_view host_id, const std::string& recipe);

  Candidates choose(const Demand& demand);
  // Why there is no place, and what helps.
  base::Error explain(const Demand& demand) const;

  // All of them, those that answer first.
  std::vector<std::string> all() const;
  std::optional<db::Amounts> load(std::string_view host_id) const;

 private:
  using Indices = std::vector<std::uint32_t>;
  // What a choice reads of each host it looks at.
  struct Figures {
    db::Amounts most;
    db::Amounts load;
    float free_share = -1;
    float memory_free_mb = -1;
  };
  // Hosts of one team, or of everybody, that take new sandboxes.
  struct Pool {
    Indices answering;
    Indices silent;
    // When none answers, whoever is asked says best why.
    const Indices& members() const { return answering.empty() ? silent : answering; }
  };
  struct Scored {
    float score = 0;
    std::uint32_t host = 0;
  };
  enum class Room { kNeeded, kIgnored };

  const Indices& members_for(const Demand& demand) const;
  const Indices* ready_for(const Demand& demand) const;
  std::optional<std::uint32_t> find(std::string_view host_id) const;
  void keep_what_is_known(const std::vector<HostFacts>& hosts);
  bool may_be_on(std::uint32_t host, const Demand& demand, Room room) const;
  float score(std::uint32_t host, const Demand& demand, const Indices* ready) const;
  Candidates choose_only(const Demand& demand) const;
  std::vector<Scored> look_at_some(const Indices& members, const Demand& demand,
                                   const Indices* ready);
  std::vector<Scored> look_at_all(const Indices& members, const Demand& demand,
                                  const Indices* ready, Room room) const;
  Candidates best(std::vector<Scored> scored) const;

  std::vector<HostFacts> facts_;  // This and the next in the same order.
  std::vector<Figures> figures_;
  std::map<std::string, std::uint32_t, std::less<>> index_;  // By id.
  std::map<std::string, Pool> pools_;                        // By team; "" is everybody's.
  std::map<std::string, Indices> ready_;                     // By recipe, in order.
  std::minstd_rand random_;
};

}  // namespace wrenn::control
