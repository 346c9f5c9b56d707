// How fast this processor's time stamp counter runs.
#pragma once

#include <cstdint>

namespace wrenn::vm {

// In kHz, measured against the monotonic clock for 50 ms. Blocking.
std::uint64_t measure_tsc_khz();

}  // namespace wrenn::vm
