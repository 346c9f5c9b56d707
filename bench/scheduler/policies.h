// The ways to choose a host that are compared: our scheduler itself, and two others by which
// sandboxes are placed elsewhere.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "db/host_capacity.h"

namespace wrenn::bench {

using HostIndex = std::uint32_t;

// What one control plane does, and knows of the fleet.
class Policy {
 public:
  virtual ~Policy() = default;
  // The hosts to try, in turn; none when it gives up.
  virtual std::vector<HostIndex> choose(const db::Amounts& demand) = 0;
  // What it is told: of what itself placed at once, of everything now and then.
  virtual void set_load(HostIndex host, const db::Amounts& load) = 0;
  // Whether it chooses once more when all that it has chosen are full.
  virtual bool chooses_again() const { return false; }
  // Whether a host that is full refuses, so that the next one is tried.
  virtual bool reserves() const { return true; }
};

// `most`: of each host. "ours", "best-of-3" or "full-scan"; nothing for another name.
std::unique_ptr<Policy> make_policy(std::string_view name, const std::vector<db::Amounts>& most,
                                    std::uint64_t seed);

}  // namespace wrenn::bench
