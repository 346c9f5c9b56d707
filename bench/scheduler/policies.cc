#include "policies.h"

#include <algorithm>
#include <charconv>
#include <random>

#include "base/strings.h"
#include "control/scheduler/scheduler.h"

namespace wrenn::bench {
namespace {

using db::Amounts;

class Ours final : public Policy {
 public:
  Ours(const std::vector<Amounts>& most, std::uint64_t seed) : scheduler_(seed) {
    std::vector<control::HostFacts> hosts;
    for (std::size_t i = 0; i < most.size(); ++i) {
      names_.push_back(base::concat(i));
      hosts.push_back({.id = names_.back(), .team_id = {}, .labels = {}, .most = most[i]});
    }
    scheduler_.set_hosts(std::move(hosts));
  }

  std::vector<HostIndex> choose(const Amounts& demand) override {
    const control::Candidates candidates = scheduler_.choose({.amounts = demand});
    have_room_ = candidates.have_room;
    std::vector<HostIndex> hosts;
    for (const std::string& id : candidates.hosts) {
      HostIndex index = 0;
      std::from_chars(id.data(), id.data() + id.size(), index);
      hosts.push_back(index);
    }
    return hosts;
  }
  void set_load(HostIndex host, const Amounts& load) override {
    scheduler_.set_load(names_[host], load);
  }
  bool chooses_again() const override { return have_room_; }

 private:
  control::Scheduler scheduler_;
  std::vector<std::string> names_;
  bool have_room_ = true;
};

// What the others know.
class WithLoads : public Policy {
 public:
  explicit WithLoads(const std::vector<Amounts>& most) : most_(most), loads_(most.size()) {}
  void set_load(HostIndex host, const Amounts& load) override { loads_[host] = load; }

 protected:
  std::vector<Amounts> most_;
  std::vector<Amounts> loads_;
};

double part(std::int64_t used, std::int64_t most) {
  return static_cast<double>(used) / static_cast<double>(most);
}

// E2B's way: of three hosts at random that have room, the one with the fewest vCPUs promised for
// its size; three tries.
class BestOfThree final : public WithLoads {
 public:
  BestOfThree(const std::vector<Amounts>& most, std::uint64_t seed)
      : WithLoads(most), random_(seed) {}

  std::vector<HostIndex> choose(const Amounts& demand) override {
    constexpr int kTries = 3;
    std::vector<HostIndex> hosts;
    for (int i = 0; i < kTries; ++i) {
      if (const auto host = choose_one(demand, hosts)) hosts.push_back(*host);
    }
    return hosts;
  }

 private:
  std::optional<HostIndex> choose_one(const Amounts& demand, const std::vector<HostIndex>& tried) {
    constexpr int kPicks = 3;
    std::optional<HostIndex> best;
    double fewest = 0;
    for (int i = 0; i < kPicks; ++i) {
      const auto host = static_cast<HostIndex>(random_() % most_.size());
      if (std::ranges::find(tried, host) != tried.end()) continue;
      if (db::missing(most_[host], loads_[host], demand) != Amounts()) continue;
      const double promised = part(loads_[host].vcpus + demand.vcpus, most_[host].vcpus);
      if (best && promised >= fewest) continue;
      best = host;
      fewest = promised;
    }
    return best;
  }

  std::minstd_rand random_;
};

// The reference's way: of all hosts that have the memory and the disk, the one whose smallest free
// part is the largest. Nothing is reserved: whoever was chosen takes it.
class FullScan final : public WithLoads {
 public:
  using WithLoads::WithLoads;

  std::vector<HostIndex> choose(const Amounts& demand) override {
    std::optional<HostIndex> best;
    double most_free = 0;
    for (HostIndex host = 0; host < most_.size(); ++host) {
      const Amounts& most = most_[host];
      const Amounts& load = loads_[host];
      if (most.memory_mb - load.memory_mb < demand.memory_mb) continue;
      if (most.disk_mb - load.disk_mb < demand.disk_mb) continue;
      const double free =
          1 - std::max({part(load.vcpus, most.vcpus), part(load.memory_mb, most.memory_mb),
                        part(load.disk_mb, most.disk_mb)});
      if (best && free <= most_free) continue;
      best = host;
      most_free = free;
    }
    return best ? std::vector{*best} : std::vector<HostIndex>();
  }
  bool reserves() const override { return false; }
};

}  // namespace

std::unique_ptr<Policy> make_policy(std::string_view name, const std::vector<Amounts>& most,
                                    std::uint64_t seed) {
  if (name == "ours") return std::make_unique<Ours>(most, seed);
  if (name == "best-of-3") return std::make_unique<BestOfThree>(most, seed);
  if (name == "full-scan") return std::make_unique<FullScan>(most);
  return nullptr;
}

}  // namespace wrenn::bench
