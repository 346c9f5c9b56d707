// A fleet on which sandboxes come and go: how evenly a policy fills it, and what it refuses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace wrenn::bench {

struct Simulated {
  std::string policy;     // As make_policy() takes it.
  bool is_mixed = false;  // Hosts of three sizes; else all are the same.
  int hosts = 2000;
  int sandboxes = 1'000'000;  // That are placed, one after another.
  int planes = 1;             // Control planes that place them in turn.
  // After so many placements each plane hears what the others have done, as once a second.
  int stale = 1000;
  std::uint64_t seed = 1;  // Of the same one, the same sandboxes come and go.
};

struct Outcome {
  double choose_seconds = 0;  // Spent on choosing alone.
  // Of what hosts have promised of the amount that is shortest, as a part of what they may; means
  // of a hundred moments at which the fleet is filled by three fifths.
  double p99_to_mean = 0;
  double max_to_mean = 0;
  std::int64_t failed_with_room = 0;  // Refused while at least one host had room.
  std::int64_t failed_when_full = 0;
  std::int64_t overfilled = 0;  // Placed where there was no room.
};

// `run.policy` must be known.
Outcome simulate(const Simulated& run);

}  // namespace wrenn::bench
