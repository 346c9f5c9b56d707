#include "agent/resource_meter.h"

#include <unistd.h>

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

MeterReading reading(int second, std::uint64_t cpu_usec, std::uint64_t net, pid_t pid = 7) {
  return {.at = base::SteadyTime(std::chrono::seconds(second)),
          .process = {pid, 1},
          .cpu_usec = cpu_usec,
          .mem_bytes = 4096,
          .disk_bytes = 8192,
          .net_rx_bytes = net,
          .net_tx_bytes = 2 * net};
}

TEST(ResourceMeter, APointIsTheDifferenceOfTwoReadings) {
  ResourceMeter meter;
  meter.add(reading(0, 1'000'000, 1000), 2, 100);
  EXPECT_TRUE(meter.series().is_empty());
  meter.add(reading(5, 6'000'000, 1500), 2, 105);
  const ResourcePoint expected{105, 50, 4096, 8192, 500, 1000};
  EXPECT_EQ(meter.series().last(), expected);
  meter.add(reading(10, 60'000'000, 1500), 2, 110);
  EXPECT_EQ(meter.series().last().cpu_pct, 100) << "threads beside the vCPUs do not count";
}

TEST(ResourceMeter, ItGoesOnWithAnotherVm) {
  ResourceMeter meter;
  meter.add(reading(0, 9'000'000, 1000), 1, 100);
  meter.add(reading(5, 9'000'000, 1200), 1, 105);
  meter.add(reading(60, 100'000, 50, 8), 1, 160);  // Resumed: all counters begin anew.
  EXPECT_EQ(meter.series().last().unix_sec, 105);
  meter.add(reading(65, 1'100'000, 80, 8), 1, 165);
  EXPECT_EQ(meter.series().last().cpu_pct, 20);
  EXPECT_EQ(meter.series().last().net_rx_bytes, 230u);
}

TEST(ResourceMeter, BytesOfACard) {
  constexpr std::string_view kText =
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
      "    lo:   5   1 0 0 0 0 0 0   6 1 0 0 0 0 0 0\n"
      "  tap0: 100 2 0 0 0 0 0 0 7000000000 3 0 0 0 0 0 0\n"
      "broken: 1 2\n";
  EXPECT_EQ(parse_net_dev(kText, "tap0").received, 100u);
  EXPECT_EQ(parse_net_dev(kText, "tap0").sent, 7'000'000'000u);
  EXPECT_EQ(parse_net_dev(kText, "tap").sent, 0u);
  EXPECT_EQ(parse_net_dev(kText, "broken").sent, 0u);
}

TEST(ResourceMeter, AProcessIsRead) {
  const auto me = base::identify_process(::getpid());
  ASSERT_TRUE(me);
  const auto read =
      read_meter({.process = *me, .disks = {"/proc/self/exe", "/no/such"}, .card = "lo"});
  ASSERT_TRUE(read);
  EXPECT_GT(read->mem_bytes, 100'000u);
  EXPECT_FALSE(read_meter({.process = {me->pid, 1}, .disks = {}, .card = "lo"}));
}

}  // namespace
}  // namespace wrenn::agent
