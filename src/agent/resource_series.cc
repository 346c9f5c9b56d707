#include "agent/resource_series.h"

#include <algorithm>

namespace wrenn::agent {
namespace {

// Averages of what goes up and down; of what only grows, the last. The time is that of its end.
ResourcePoint merged(const std::vector<ResourcePoint>& points) {
  ResourcePoint out = points.back();
  double cpu = 0;
  double memory = 0;
  for (const auto& point : points) {
    cpu += point.cpu_pct;
    memory += static_cast<double>(point.mem_bytes);
  }
  const auto count = static_cast<double>(points.size());
  out.cpu_pct = cpu / count;
  out.mem_bytes = static_cast<std::uint64_t>(memory / count);
  return out;
}

}  // namespace

void ResourceSeries::Tier::keep(const ResourcePoint& point) {
  points.push_back(point);
  if (points.size() > capacity) points.pop_front();
}

void ResourceSeries::Tier::add(const ResourcePoint& point) {
  if (!open.empty() && point.unix_sec / step_sec != open.back().unix_sec / step_sec) {
    keep(merged(open));
    open.clear();
  }
  open.push_back(point);
}

void ResourceSeries::add(const ResourcePoint& point) {
  if (!is_empty() && point.unix_sec <= last().unix_sec) return;
  tiers_[0].keep(point);
  tiers_[1].add(point);
  tiers_[2].add(point);
}

std::vector<ResourcePoint> ResourceSeries::points(std::chrono::seconds span,
                                                  std::int64_t now_unix_sec) const {
  const auto has_span = [span](const Tier& tier) {
    return std::chrono::seconds(tier.step_sec) * tier.capacity >= span;
  };
  const auto found = std::ranges::find_if(tiers_, has_span);
  const Tier& tier = found == tiers_.end() ? tiers_.back() : *found;
  std::vector<ResourcePoint> out;
  for (const auto& point : tier.points) {
    if (point.unix_sec > now_unix_sec - span.count()) out.push_back(point);
  }
  if (!tier.open.empty()) out.push_back(merged(tier.open));
  return out;
}

}  // namespace wrenn::agent
