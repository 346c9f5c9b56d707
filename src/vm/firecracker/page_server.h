// PageServer: gives a guest its saved memory, page by page, as it touches it.
// https://docs.kernel.org/admin-guide/mm/userfaultfd.html
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/time.h"
#include "vm/firecracker/handshake.h"
#include "vm/firecracker/page_source.h"

namespace wrenn::vm::firecracker {

struct Accepted {
  base::Fd connection;  // Firecracker keeps its end for as long as it lives.
  base::Fd faults;      // The userfaultfd.
  pid_t pid = 0;        // Of who sent it, as this process sees it.
  Handshake handshake;
};
// Waits for Firecracker at a listening socket and takes what it sends first. kDeadlineExceeded;
// kPermissionDenied when somebody else than this very user connects. Blocking.
base::Result<Accepted> accept_handshake(int listener, std::uint64_t memory_bytes,
                                        base::Duration deadline);

// For one thread.
class PageServer {
 public:
  // `wanted`: pages that are put into place before they are asked for, in this order, whenever
  // there is nothing else to do.
  PageServer(const Accepted& peer, const PageSource& source, PageList wanted);

  // Serves until the VM has ended, which is the only good end. Blocking.
  base::Result<void> run();
  // The pages that were asked for so far, in that order, at most kMaxListedPages.
  const PageList& asked() const { return asked_; }
  // When run() has gone on for so long, asked() is written to `fd`, once.
  void record(int fd, base::Duration after);

 private:
  enum class Outcome { kDone, kLater, kGone };

  base::Result<Outcome> wait(bool is_busy);
  base::Result<Outcome> read_events();
  base::Result<void> take_removal(std::uint64_t begin, std::uint64_t end);
  base::Result<Outcome> serve_faults();
  base::Result<Outcome> serve_wanted();
  // Puts one page (of page_bytes) into place; `offset` in the guest's memory.
  base::Result<Outcome> place(const Region& region, std::uint64_t offset);
  base::Result<Outcome> copy_to(std::uint64_t address, bool is_zero);
  base::Result<void> write_record();
  const Region* region_at(std::uint64_t address) const;
  const Region* region_of(std::uint64_t offset) const;

  const Accepted& peer_;
  const PageSource& source_;
  const std::uint64_t page_bytes_;
  PageList wanted_;
  std::size_t next_wanted_ = 0;
  std::deque<std::uint64_t> faults_;  // Offsets of pages; bounded by the threads that wait.
  std::vector<bool> removed_;         // Pages that the guest gave back: zero, whatever was saved.
  std::vector<char> buffer_;
  PageList asked_;
  int record_fd_ = -1;
  base::SteadyTime record_at_{};
};

}  // namespace wrenn::vm::firecracker
