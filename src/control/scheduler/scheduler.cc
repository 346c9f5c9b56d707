#include "control/scheduler/scheduler.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using db::Amounts;

// What agents prepare when they start.
constexpr Amounts kDefaultSize{.vcpus = 1, .memory_mb = 512, .disk_mb = 5120};
// Of a host without limits: what counts as half full.
constexpr Amounts kNominal{.vcpus = 64, .memory_mb = 32'768, .disk_mb = 1 << 20};
// How much what a host really has left counts, beside what it may still promise.
constexpr float kWeightOfFree = 0.25F;
// So much fuller may a host be that needs not prepare the template first.
constexpr float kReadyBonus = 0.1F;
// What must come after all that is sound.
constexpr float kShort = -10;
constexpr std::size_t kMaxRecipes = 10'000;
// Of those that have a template ready, on a large fleet.
constexpr std::size_t kLookAtReady = 4;

float free_of(std::int64_t most, std::int64_t load, std::int64_t demand, std::int64_t nominal) {
  const auto used = static_cast<float>(load + demand);
  if (most == 0) return 1 / (1 + used / static_cast<float>(nominal));
  return 1 - used / static_cast<float>(most);
}

// The part that is free of what is shortest, after placing.
float free_share_after(const Amounts& most, const Amounts& load, const Amounts& demand) {
  return std::min({free_of(most.vcpus, load.vcpus, demand.vcpus, kNominal.vcpus),
                   free_of(most.memory_mb, load.memory_mb, demand.memory_mb, kNominal.memory_mb),
                   free_of(most.disk_mb, load.disk_mb, demand.disk_mb, kNominal.disk_mb)});
}

bool has_labels(const HostLabels& host, const HostLabels& asked) {
  return std::ranges::all_of(asked, [&](const auto& label) {
    const auto found = host.find(label.first);
    return found != host.end() && found->second == label.second;
  });
}

std::string text_of(const HostLabels& labels) {
  std::vector<std::string> words;
  for (const auto& [name, value] : labels) words.push_back(concat(name, "=", value));
  return base::join(words, ", ");
}

std::string text_of(const Amounts& amounts) {
  std::vector<std::string> words;
  if (amounts.vcpus > 0) words.push_back(concat(amounts.vcpus, " vcpus"));
  if (amounts.memory_mb > 0) words.push_back(concat(amounts.memory_mb, " MB of memory"));
  if (amounts.disk_mb > 0) words.push_back(concat(amounts.disk_mb, " MB of disk"));
  return base::join(words, ", ");
}

// On how many hosts one amount is missing, and the most that any of these has left of it.
struct Shortage {
  std::size_t hosts = 0;
  std::int64_t left = 0;

  void count(std::int64_t missing, std::int64_t most, std::int64_t load) {
    if (missing == 0) return;
    ++hosts;
    left = std::max(left, most - load);
  }
};

}  // namespace

std::string recipe_of(std::string_view template_name, const Amounts& size) {
  if (size == kDefaultSize) return {};
  return concat(template_name, "/", size.vcpus, "/", size.memory_mb, "/", size.disk_mb);
}

void Scheduler::set_hosts(std::vector<HostFacts> hosts) {
  keep_what_is_known(hosts);
  facts_ = std::move(hosts);
  pools_.clear();
  for (std::uint32_t i = 0; i < facts_.size(); ++i) {
    const HostFacts& host = facts_[i];
    figures_[i].most = host.most;
    figures_[i].free_share = host.free_share;
    figures_[i].memory_free_mb = host.memory_free_mb;
    // A team that has hosts of its own has a pool, though it may be empty.
    Pool& pool = pools_[host.team_id.value_or("")];
    if (host.takes_new) (host.answers ? pool.answering : pool.silent).push_back(i);
  }
}

void Scheduler::keep_what_is_known(const std::vector<HostFacts>& hosts) {
  const auto same_id = [](const HostFacts& a, const HostFacts& b) { return a.id == b.id; };
  if (std::ranges::equal(facts_, hosts, same_id)) return;
  std::map<std::string, std::uint32_t, std::less<>> index;
  std::vector<Figures> figures(hosts.size());
  for (std::uint32_t i = 0; i < hosts.size(); ++i) {
    index.emplace(hosts[i].id, i);
    if (const auto old = find(hosts[i].id)) figures[i] = figures_[*old];
  }
  std::map<std::string, Indices> ready;
  for (const auto& [recipe, holders] : ready_) {
    Indices kept;
    for (const std::uint32_t old : holders) {
      if (const auto now = index.find(facts_[old].id); now != index.end()) {
        kept.push_back(now->second);
      }
    }
    std::ranges::sort(kept);
    if (!kept.empty()) ready.emplace(recipe, std::move(kept));
  }
  index_ = std::move(index);
  figures_ = std::move(figures);
  ready_ = std::move(ready);
}

std::optional<std::uint32_t> Scheduler::find(std::string_view host_id) const {
  const auto found = index_.find(host_id);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

void Scheduler::set_load(std::string_view host_id, const Amounts& load) {
  if (const auto host = find(host_id)) figures_[*host].load = load;
}

void Scheduler::add_load(std::string_view host_id, const Amounts& amounts) {
  if (const auto host = find(host_id)) figures_[*host].load += amounts;
}

std::optional<Amounts> Scheduler::load(std::string_view host_id) const {
  const auto host = find(host_id);
  if (!host) return std::nullopt;
  return figures_[*host].load;
}

void Scheduler::add_recipe(std::string_view host_id, const std::string& recipe) {
  const auto host = find(host_id);
  if (!host || recipe.empty()) return;
  // It is a preference, so what is old may be forgotten.
  if (ready_.size() >= kMaxRecipes && !ready_.contains(recipe)) ready_.clear();
  Indices& holders = ready_[recipe];
  const auto at = std::ranges::lower_bound(holders, *host);
  if (at == holders.end() || *at != *host) holders.insert(at, *host);
}

const Scheduler::Indices& Scheduler::members_for(const Demand& demand) const {
  static const Indices kNone;
  auto pool = pools_.find(demand.team_id);
  if (pool == pools_.end()) pool = pools_.find("");
  return pool == pools_.end() ? kNone : pool->second.members();
}

const Scheduler::Indices* Scheduler::ready_for(const Demand& demand) const {
  if (demand.recipe.empty()) return nullptr;
  const auto found = ready_.find(demand.recipe);
  return found == ready_.end() ? nullptr : &found->second;
}

bool Scheduler::may_be_on(std::uint32_t host, const Demand& demand, Room room) const {
  const Figures& figures = figures_[host];
  if (room == Room::kNeeded &&
      db::missing(figures.most, figures.load, demand.amounts) != Amounts()) {
    return false;
  }
  return demand.labels.empty() || has_labels(facts_[host].labels, demand.labels);
}

float Scheduler::score(std::uint32_t host, const Demand& demand, const Indices* ready) const {
  const Figures& figures = figures_[host];
  const float promised = free_share_after(figures.most, figures.load, demand.amounts);
  const float really = figures.free_share < 0 ? promised : figures.free_share;
  float score = promised * (1 - kWeightOfFree) + really * kWeightOfFree;
  if (ready != nullptr && std::ranges::binary_search(*ready, host)) score += kReadyBonus;
  const bool is_short = figures.memory_free_mb >= 0 &&
                        figures.memory_free_mb < static_cast<float>(demand.amounts.memory_mb);
  return is_short ? score + kShort : score;
}

Candidates Scheduler::choose(const Demand& demand) {
  if (demand.only_on) return choose_only(demand);
  const Indices& members = members_for(demand);
  const Indices* const ready = ready_for(demand);
  if (members.size() > kLookAtAll) {
    auto some = look_at_some(members, demand, ready);
    if (!some.empty()) return best(std::move(some));
  }
  auto all = look_at_all(members, demand, ready, Room::kNeeded);
  if (!all.empty()) return best(std::move(all));
  Candidates full = best(look_at_all(members, demand, ready, Room::kIgnored));
  full.have_room = false;
  return full;
}

Candidates Scheduler::choose_only(const Demand& demand) const {
  const auto host = find(*demand.only_on);
  if (host && !may_be_on(*host, demand, Room::kIgnored)) return {.hosts = {}, .have_room = false};
  return {.hosts = {*demand.only_on}, .have_room = host && may_be_on(*host, demand, Room::kNeeded)};
}

std::vector<Scheduler::Scored> Scheduler::look_at_some(const Indices& members, const Demand& demand,
                                                       const Indices* ready) {
  std::vector<Scored> scored;
  const auto consider = [&](std::uint32_t host) {
    if (!may_be_on(host, demand, Room::kNeeded)) return;
    if (std::ranges::find(scored, host, &Scored::host) != scored.end()) return;
    scored.push_back({score(host, demand, ready), host});
  };
  scored.reserve(kLookAtAll + kLookAtReady);
  for (std::size_t i = 0; i < kLookAtAll; ++i) consider(members[random_() % members.size()]);
  for (std::size_t i = 0; ready != nullptr && i < kLookAtReady; ++i) {
    const std::uint32_t host = (*ready)[random_() % ready->size()];
    if (std::ranges::binary_search(members, host)) consider(host);
  }
  return scored;
}

std::vector<Scheduler::Scored> Scheduler::look_at_all(const Indices& members, const Demand& demand,
                                                      const Indices* ready, Room room) const {
  std::vector<Scored> scored;
  for (const std::uint32_t host : members) {
    if (may_be_on(host, demand, room)) scored.push_back({score(host, demand, ready), host});
  }
  return scored;
}

Candidates Scheduler::best(std::vector<Scored> scored) const {
  const std::size_t count = std::min(kCandidates, scored.size());
  std::ranges::partial_sort(scored, scored.begin() + static_cast<std::ptrdiff_t>(count),
                            [](const Scored& a, const Scored& b) {
                              return a.score != b.score ? a.score > b.score : a.host < b.host;
                            });
  Candidates candidates;
  for (std::size_t i = 0; i < count; ++i) candidates.hosts.push_back(facts_[scored[i].host].id);
  return candidates;
}

base::Error Scheduler::explain(const Demand& demand) const {
  Indices members = members_for(demand);
  if (demand.only_on) {
    const auto only = find(*demand.only_on);
    members = only ? Indices{*only} : Indices();
  }
  if (members.empty()) {
    return {Code::kUnavailable, "there is no host that takes new sandboxes",
            "`wrenn host ls` lists the hosts; `wrenn host add` adds one"};
  }
  std::erase_if(members, [&](auto host) { return !may_be_on(host, demand, Room::kIgnored); });
  if (members.empty()) {
    return {Code::kResourceExhausted,
            concat("no host that it could be on has the labels ", text_of(demand.labels)),
            "`wrenn host ls` shows the labels of hosts, and `wrenn host label` changes them"};
  }
  Shortage vcpus;
  Shortage memory;
  Shortage disk;
  for (const std::uint32_t host : members) {
    const auto& [most, load, share, free_mb] = figures_[host];
    const Amounts lacks = db::missing(most, load, demand.amounts);
    vcpus.count(lacks.vcpus, most.vcpus, load.vcpus);
    memory.count(lacks.memory_mb, most.memory_mb, load.memory_mb);
    disk.count(lacks.disk_mb, most.disk_mb, load.disk_mb);
  }
  std::vector<std::string> reasons;
  const auto tell = [&](const Shortage& shortage, std::string_view what, std::string_view unit) {
    if (shortage.hosts == 0) return;
    reasons.push_back(concat(what, " is missing on ", shortage.hosts, " of ", members.size(),
                             members.size() == 1 ? " host" : " hosts", " (at most ", shortage.left,
                             unit, " left)"));
  };
  tell(memory, "memory", " MB");
  tell(vcpus, "vCPU", "");
  tell(disk, "disk", " MB");
  const std::string what = concat("no host has room for ", text_of(demand.amounts));
  if (reasons.empty()) return {Code::kResourceExhausted, what, "try again in a moment"};
  return {Code::kResourceExhausted, concat(what, ": ", base::join(reasons, "; ")),
          "pause, hibernate or destroy sandboxes, ask for less, or add a host"};
}

std::vector<std::string> Scheduler::all() const {
  std::vector<std::string> ids;
  for (const bool answers : {true, false}) {
    for (const HostFacts& host : facts_) {
      if (host.answers == answers) ids.push_back(host.id);
    }
  }
  return ids;
}

}  // namespace wrenn::control
