// ResourceMeter: reads from the host what one sandbox uses, and turns it into points of its series.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/resource_series.h"
#include "base/files.h"
#include "base/process.h"
#include "base/time.h"

namespace wrenn::agent {

// Where it is seen.
struct MeterPlace {
  base::ProcessIdentity process;
  std::vector<base::Path> disks;
  std::string card;  // Of the guest, as the network namespace of the process calls it.
};

struct MeterReading {
  base::SteadyTime at;
  base::ProcessIdentity process;
  std::uint64_t cpu_usec = 0;
  std::uint64_t mem_bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t net_rx_bytes = 0;  // By the guest, since its card was made.
  std::uint64_t net_tx_bytes = 0;
};
struct CardBytes {
  std::uint64_t received = 0;  // By the host, so sent by the guest.
  std::uint64_t sent = 0;
};
// Of the text of /proc/PID/net/dev; zeros when it does not have the card. Pure.
CardBytes parse_net_dev(std::string_view text, std::string_view card);
// Some system calls and no walk through memory (about 50 us). kNotFound when the VM has ended.
// Blocking.
base::Result<MeterReading> read_meter(const MeterPlace& place);

// For one loop.
class ResourceMeter {
 public:
  // The first reading of a VM gives no point: there is nothing to compare it with.
  void add(const MeterReading& reading, int vcpus, std::int64_t unix_sec);
  const ResourceSeries& series() const { return series_; }

 private:
  std::optional<MeterReading> last_;
  std::uint64_t net_rx_bytes_ = 0;
  std::uint64_t net_tx_bytes_ = 0;
  ResourceSeries series_;
};

}  // namespace wrenn::agent
