// HeapTrimmer: gives memory that was used and is free again back to the kernel. The C library keeps
// it otherwise, and the guest's memory with it is what every pause, fork and idle sandbox costs.
#pragma once

#include "net/loop.h"

namespace wrenn::envd {

// For one loop. Wakes it once some time after a use, and never while there is none.
class HeapTrimmer {
 public:
  explicit HeapTrimmer(net::Loop& loop);

  // Lives as long as something is done that may need much memory.
  class Use {
   public:
    explicit Use(HeapTrimmer& trimmer) : trimmer_(trimmer) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { trimmer_.plan(); }

   private:
    HeapTrimmer& trimmer_;
  };

 private:
  void plan();
  net::Timer timer_;
  bool is_planned_ = false;
};

}  // namespace wrenn::envd
