#include "envd/guest/heap_trimmer.h"

#include <malloc.h>

#include <chrono>

namespace wrenn::envd {

HeapTrimmer::HeapTrimmer(net::Loop& loop)
    : timer_(loop, [this] {
        is_planned_ = false;
        ::malloc_trim(0);
      }) {}

// Not put off by further uses: an agent that is always in use is trimmed, too.
void HeapTrimmer::plan() {
  if (is_planned_) return;
  is_planned_ = true;
  timer_.start(std::chrono::seconds(2));
}

}  // namespace wrenn::envd
