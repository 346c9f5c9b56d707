#include "vm/qemu/tsc.h"

#include <time.h>

#include <x86intrin.h>

namespace wrenn::vm {
namespace {

struct Sample {
  std::uint64_t ticks = 0;
  std::uint64_t ns = 0;
};

Sample sample() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return {__rdtsc(), static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
                         static_cast<std::uint64_t>(now.tv_nsec)};
}

}  // namespace

std::uint64_t measure_tsc_khz() {
  const Sample begin = sample();
  const timespec pause{0, 50'000'000};
  ::nanosleep(&pause, nullptr);
  const Sample end = sample();
  return (end.ticks - begin.ticks) * 1'000'000 / (end.ns - begin.ns);
}

}  // namespace wrenn::vm
