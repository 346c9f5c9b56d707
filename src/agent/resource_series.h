// ResourceSeries: what a sandbox has used, over the last day: fine for the last minutes, coarse for
// the hours before. Pure, and of a fixed size: 25 KiB for a sandbox that is a day old.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

namespace wrenn::agent {

struct ResourcePoint {
  std::int64_t unix_sec = 0;
  double cpu_pct = 0;            // Of all its vCPUs: 0 to 100.
  std::uint64_t mem_bytes = 0;   // The host's memory that it shares with nobody.
  std::uint64_t disk_bytes = 0;  // The blocks of its disk that are not its template's.
  // By its network card since the agent knows it, pauses included.
  std::uint64_t net_rx_bytes = 0;
  std::uint64_t net_tx_bytes = 0;
  bool operator==(const ResourcePoint&) const = default;
};

class ResourceSeries {
 public:
  // One that is not younger than the last is passed over.
  void add(const ResourcePoint& point);
  // Those of the last `span` before `now`, the oldest first. The span says how fine they are: every
  // 5 s up to ten minutes, every minute up to two hours, every five minutes up to a day.
  std::vector<ResourcePoint> points(std::chrono::seconds span, std::int64_t now_unix_sec) const;
  bool is_empty() const { return tiers_[0].points.empty(); }
  const ResourcePoint& last() const { return tiers_[0].points.back(); }

 private:
  struct Tier {
    std::int64_t step_sec;
    std::size_t capacity;
    std::deque<ResourcePoint> points{};
    std::vector<ResourcePoint> open{};  // Of the step that goes on.

    void add(const ResourcePoint& point);
    void keep(const ResourcePoint& point);
  };

  std::array<Tier, 3> tiers_ = {Tier{5, 120}, Tier{60, 120}, Tier{300, 288}};
};

}  // namespace wrenn::agent
