// Activity: when a sandbox was last used through the proxy. Thread-safe: the data plane writes it,
// what ends idle sandboxes reads it.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/time.h"

namespace wrenn::proxy {

class Activity {
 public:
  void touch() { last_unix_ms_.store(base::unix_ms_now(), std::memory_order_relaxed); }
  void begin() {
    open_.fetch_add(1, std::memory_order_relaxed);
    touch();
  }
  void end() {
    touch();
    open_.fetch_sub(1, std::memory_order_relaxed);
  }

  // 0: never. Now, while anything is open that counts as use.
  std::int64_t last_unix_ms() const {
    if (open_.load(std::memory_order_relaxed) > 0) return base::unix_ms_now();
    return last_unix_ms_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> last_unix_ms_{0};
  std::atomic<int> open_{0};
};

}  // namespace wrenn::proxy
