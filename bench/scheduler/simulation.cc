#include "simulation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "policies.h"

namespace wrenn::bench {
namespace {

using db::Amounts;

constexpr std::int64_t kGiB = 1024;  // In MiB.
// So much of all memory that may be promised is: in the first half of a run, for how evenly, and in
// the second, for what is refused.
constexpr double kFill = 0.6;
constexpr double kFullFill = 0.93;

Amounts promised_by(std::int64_t cores, std::int64_t memory_gib, std::int64_t disk_gib) {
  return db::most_of(
      {.cpu_cores = cores, .memory_mb = memory_gib * kGiB, .disk_mb = disk_gib * kGiB}, {});
}

std::vector<Amounts> make_fleet(const Simulated& run) {
  std::vector<Amounts> most;
  for (int i = 0; i < run.hosts; ++i) {
    const int kind = run.is_mixed ? i % 5 : 2;
    most.push_back(kind < 2   ? promised_by(2, 8, 100)
                   : kind < 4 ? promised_by(4, 16, 200)
                              : promised_by(16, 64, 800));
  }
  return most;
}

// What people ask for: most are small.
Amounts next_demand(std::minstd_rand& random) {
  const auto percent = random() % 100;
  if (percent < 60) return {1, 512, 5 * kGiB};
  if (percent < 80) return {2, 1 * kGiB, 5 * kGiB};
  if (percent < 90) return {2, 2 * kGiB, 10 * kGiB};
  if (percent < 97) return {4, 4 * kGiB, 20 * kGiB};
  return {8, 16 * kGiB, 40 * kGiB};
}

double used_part(const Amounts& load, const Amounts& most) {
  const auto part = [](std::int64_t a, std::int64_t b) {
    return static_cast<double>(a) / static_cast<double>(b);
  };
  return std::max({part(load.vcpus, most.vcpus), part(load.memory_mb, most.memory_mb),
                   part(load.disk_mb, most.disk_mb)});
}

class Simulation {
 public:
  explicit Simulation(const Simulated& run)
      : run_(run),
        most_(make_fleet(run)),
        loads_(most_.size()),
        random_(static_cast<unsigned>(run.seed)) {
    for (int i = 0; i < run.planes; ++i) {
      planes_.push_back(make_policy(run.policy, most_, run.seed + static_cast<unsigned>(i)));
    }
    for (const Amounts& one : most_) room_mb_ += one.memory_mb;
  }

  Outcome run() {
    const int half = run_.sandboxes / 2;
    const int every = std::max(1, run_.sandboxes / 400);
    for (int i = 0; i < run_.sandboxes; ++i) {
      fill_ = i < half ? kFill : kFullFill;
      const Amounts demand = next_demand(random_);
      make_way(demand);
      arrive(*planes_[static_cast<std::size_t>(i % run_.planes)], demand);
      if (run_.planes > 1 && i % run_.stale == 0) tell_all();
      if (i > half / 2 && i < half && i % every == 0) take_sample();
    }
    outcome_.p99_to_mean /= samples_;
    outcome_.max_to_mean /= samples_;
    return outcome_;
  }

 private:
  struct Living {
    HostIndex host;
    Amounts amounts;
  };

  template <class F>
  auto timed(F work) {
    const auto began = std::chrono::steady_clock::now();
    struct Stop {
      std::chrono::steady_clock::time_point began;
      double& total;
      ~Stop() {
        total += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
      }
    } const stop{began, outcome_.choose_seconds};
    return work();
  }

  // Somebody leaves whenever the fleet is as full as it is to be.
  void make_way(const Amounts& demand) {
    while (static_cast<double>(used_mb_ + demand.memory_mb) >
           fill_ * static_cast<double>(room_mb_)) {
      const std::size_t at = random_() % living_.size();
      const Living gone = living_[at];
      living_[at] = living_.back();
      living_.pop_back();
      change(gone.host, {-gone.amounts.vcpus, -gone.amounts.memory_mb, -gone.amounts.disk_mb});
      // Its host's reconciler tells in a moment; with one control plane, at once.
      if (run_.planes == 1) planes_.front()->set_load(gone.host, loads_[gone.host]);
    }
  }

  void change(HostIndex host, const Amounts& amounts) {
    loads_[host] += amounts;
    used_mb_ += amounts.memory_mb;
  }

  bool has_room(HostIndex host, const Amounts& demand) const {
    return db::missing(most_[host], loads_[host], demand) == Amounts();
  }

  void arrive(Policy& plane, const Amounts& demand) {
    constexpr int kRounds = 8;
    for (int round = 0; round < kRounds; ++round) {
      const auto hosts = timed([&] { return plane.choose(demand); });
      for (const HostIndex host : hosts) {
        if (plane.reserves() && !has_room(host, demand)) {
          // The refusal says how full it is.
          timed([&] { plane.set_load(host, loads_[host]); });
          continue;
        }
        if (!has_room(host, demand)) ++outcome_.overfilled;
        change(host, demand);
        living_.push_back({host, demand});
        timed([&] { plane.set_load(host, loads_[host]); });
        return;
      }
      if (hosts.empty() || !plane.chooses_again()) break;
    }
    bool is_full = true;
    for (HostIndex host = 0; host < most_.size() && is_full; ++host) {
      is_full = !has_room(host, demand);
    }
    ++(is_full ? outcome_.failed_when_full : outcome_.failed_with_room);
  }

  void tell_all() {
    for (const auto& plane : planes_) {
      for (HostIndex host = 0; host < loads_.size(); ++host) plane->set_load(host, loads_[host]);
    }
  }

  void take_sample() {
    std::vector<double> parts;
    double sum = 0;
    for (std::size_t i = 0; i < most_.size(); ++i) {
      parts.push_back(used_part(loads_[i], most_[i]));
      sum += parts.back();
    }
    std::ranges::sort(parts);
    const double mean = sum / static_cast<double>(parts.size());
    const auto rank = static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(parts.size())));
    outcome_.p99_to_mean += parts[rank - 1] / mean;
    outcome_.max_to_mean += parts.back() / mean;
    ++samples_;
  }

  const Simulated run_;
  const std::vector<Amounts> most_;
  std::vector<Amounts> loads_;
  std::vector<Living> living_;
  std::vector<std::unique_ptr<Policy>> planes_;
  std::minstd_rand random_;
  std::int64_t room_mb_ = 0;
  std::int64_t used_mb_ = 0;
  double fill_ = kFill;
  int samples_ = 0;
  Outcome outcome_;
};

}  // namespace

Outcome simulate(const Simulated& run) {
  return Simulation(run).run();
}

}  // namespace wrenn::bench
