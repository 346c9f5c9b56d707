#include "agent/resource_meter.h"

#include <unistd.h>

#include <algorithm>

#include "base/strings.h"
#include "storage/cow_disk.h"
#include "vm/hypervisor.h"

namespace wrenn::agent {
namespace {

using base::concat;

// One that is smaller than before was begun anew.
std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now >= before ? now - before : now;
}

}  // namespace

CardBytes parse_net_dev(std::string_view text, std::string_view card) {
  constexpr std::size_t kSent = 8;
  for (const auto line : base::split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || base::trim(line.substr(0, colon)) != card) continue;
    std::vector<std::uint64_t> numbers;
    for (const auto word : base::split(line.substr(colon + 1), ' ')) {
      if (!word.empty()) numbers.push_back(base::parse_int<std::uint64_t>(word).value_or(0));
    }
    if (numbers.size() > kSent) return {.received = numbers[0], .sent = numbers[kSent]};
  }
  return {};
}

base::Result<MeterReading> read_meter(const MeterPlace& place) {
  WRENN_TRY_ASSIGN(const vm::VmStats stats, vm::read_stats(place.process));
  const auto devices = base::read_file(concat("/proc/", place.process.pid, "/net/dev"));
  const CardBytes card = devices ? parse_net_dev(*devices, place.card) : CardBytes();
  MeterReading reading{.at = base::steady_now(),
                       .process = place.process,
                       .cpu_usec = stats.cpu_usec,
                       .mem_bytes = stats.own_memory_bytes,
                       .net_rx_bytes = card.sent,
                       .net_tx_bytes = card.received};
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
