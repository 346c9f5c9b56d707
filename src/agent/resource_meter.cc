#include "agent/resource_meter.h"

#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "storage/cow_disk.h"
#include "vm/hypervisor.h"

namespace wrenn::agent {
namespace {

using base::concat;

std::uint64_t counter(const std::string& link, std::string_view name) {
  const auto text = base::read_file(concat("/sys/class/net/", link, "/statistics/", name));
  return text ? base::parse_int<std::uint64_t>(base::trim(*text)).value_or(0) : 0;
}

// One that is smaller than before was begun anew.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

}  // namespace

base::Result<MeterReading> read_meter(const MeterPlace& place) {
  WRENN_TRY_ASSIGN(const vm::VmStats stats, vm::read_stats(place.process));
  MeterReading reading{.at = base::steady_now(),
                       .process = place.process,
                       .cpu_usec = stats.cpu_usec,
                       .mem_bytes = stats.own_memory_bytes,
                       // What the host receives, the guest has sent.
                       .net_rx_bytes = counter(place.link, "tx_bytes"),
                       .net_tx_bytes = counter(place.link, "rx_bytes")};
  for (const auto& disk : place.disks) {
    reading.disk_bytes += storage::disk_usage(disk).value_or(0);
  }
  return reading;
}

void ResourceMeter::add(const MeterReading& reading, int vcpus, std::int64_t unix_sec) {
  const auto last = std::exchange(last_, reading);
  if (!last || last->process != reading.process) return;
  const double elapsed_usec =
      std::chrono::duration<double, std::micro>(reading.at - last->at).count();
  if (elapsed_usec <= 0) return;
  net_rx_bytes_ += growth(last->net_rx_bytes, reading.net_rx_bytes);
  net_tx_bytes_ += growth(last->net_tx_bytes, reading.net_tx_bytes);
  const auto used = static_cast<double>(growth(last->cpu_usec, reading.cpu_usec));
  series_.add({.unix_sec = unix_sec,
               .cpu_pct = std::min(100.0, used / elapsed_usec * 100 / std::max(1, vcpus)),
               .mem_bytes = reading.mem_bytes,
               .disk_bytes = reading.disk_bytes,
               .net_rx_bytes = net_rx_bytes_,
               .net_tx_bytes = net_tx_bytes_});
}

}  // namespace wrenn::agent
