#include "control/scheduler/fleet.h"

#include <algorithm>

#include "base/crypto.h"

namespace wrenn::control {
namespace {

// Hosts are heard every 5 s, and a call that says so may take as long.
constexpr std::int64_t kFreshMs = 15'000;
// What a disk needs beside what sandboxes write.
constexpr std::int64_t kDiskMarginMb = 1024;

bool was_just_heard(const db::Host& host, std::int64_t now_ms) {
  return host.status == db::HostStatus::kOnline &&
         now_ms - host.last_seen_at.value_or(0) < kFreshMs;
}

float share(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return 1;
  return std::clamp(static_cast<float>(part) / static_cast<float>(whole), 0.0F, 1.0F);
}

HostFacts facts_of(const db::Host& host, const db::Overcommit& overcommit, std::int64_t now_ms) {
  HostFacts facts{.id = host.id,
                  .team_id = host.team_id,
                  .labels = host.labels,
                  .most = db::most_of(host.capacity, overcommit),
                  .takes_new = !host.is_draining,
                  .answers = was_just_heard(host, now_ms)};
  if (!host.memory_free_mb || !host.disk_free_mb) return facts;
  facts.memory_free_mb = static_cast<float>(*host.memory_free_mb);
  facts.free_share = std::min(
      share(*host.memory_free_mb, host.capacity.memory_mb - host.capacity.memory_reserved_mb),
      share(*host.disk_free_mb - kDiskMarginMb, host.capacity.disk_mb));
  return facts;
}

std::uint64_t new_seed() {
  std::uint64_t seed = 0;
  for (const char byte : base::random_bytes(sizeof(seed))) {
    seed = seed << 8U | static_cast<unsigned char>(byte);
  }
  return seed;
}

}  // namespace

Fleet::Fleet(const db::Overcommit& overcommit, base::Duration max_age)
    : overcommit_(overcommit), max_age_(max_age), scheduler_(new_seed()) {}

bool Fleet::begin_refresh() {
  const std::lock_guard lock(mutex_);
  const auto now = base::steady_now();
  if (is_known_ && now - read_at_ < max_age_) return false;
  read_at_ = now;
  return true;
}

void Fleet::set_hosts(const std::vector<db::Host>& hosts, std::int64_t now_ms) {
  std::vector<HostFacts> facts;
  facts.reserve(hosts.size());
  for (const db::Host& host : hosts) facts.push_back(facts_of(host, overcommit_, now_ms));
  const std::lock_guard lock(mutex_);
  scheduler_.set_hosts(std::move(facts));
  is_known_ = true;
}

void Fleet::expire() {
  const std::lock_guard lock(mutex_);
  is_known_ = false;
}

void Fleet::note_sandboxes(const std::string& host_id, const std::vector<db::Sandbox>& sandboxes) {
  db::Amounts load;
  std::vector<std::string> recipes;
  for (const db::Sandbox& sandbox : sandboxes) {
    load += db::load_of(sandbox);
    std::string recipe = recipe_of(sandbox.template_name, db::size_of(sandbox));
    if (!recipe.empty() && (recipes.empty() || recipes.back() != recipe)) {
      recipes.push_back(std::move(recipe));
    }
  }
  const std::lock_guard lock(mutex_);
  scheduler_.set_load(host_id, load);
  for (const std::string& recipe : recipes) scheduler_.add_recipe(host_id, recipe);
}

void Fleet::note_placement(const Demand& demand, const db::Placement& placement) {
  const std::lock_guard lock(mutex_);
  for (const auto& [host_id, load] : placement.loads) scheduler_.set_load(host_id, load);
  if (placement.outcome != db::Placing::kDone) return;
  scheduler_.add_load(placement.host_id, demand.amounts);
  scheduler_.add_recipe(placement.host_id, demand.recipe);
}

Candidates Fleet::choose(const Demand& demand) {
  const std::lock_guard lock(mutex_);
  Candidates candidates = scheduler_.choose(demand);
  // Those who choose before this one is placed are to see it there already.
  if (!candidates.hosts.empty()) scheduler_.add_load(candidates.hosts.front(), demand.amounts);
  return candidates;
}

base::Error Fleet::explain(const Demand& demand) const {
  const std::lock_guard lock(mutex_);
  return scheduler_.explain(demand);
}

std::vector<std::string> Fleet::all() const {
  const std::lock_guard lock(mutex_);
  return scheduler_.all();
}

}  // namespace wrenn::control
