#include "envd/ports/socket_events.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Result;

constexpr const char* kEvent = "/sys/kernel/tracing/events/sock/inet_sock_set_state";
// TCP_LISTEN is 10 and TCP_CLOSE 7. The socket of every accepted connection goes from 10 to 3,
// since it starts as a copy of the one that listens: nobody is to be woken by that.
constexpr const char* kFilter = "newstate==10||(oldstate==10&&newstate==7)";

Result<std::uint64_t> read_event_id() {
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(base::concat(kEvent, "/id"), 64));
  const auto id = base::parse_int<std::uint64_t>(base::trim(text));
  if (!id) return base::fail(base::Code::kInternal, "the kernel's tracepoint has no number");
  return *id;
}

Result<base::Fd> open_event(std::uint64_t id, int cpu) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = id;
  attributes.sample_period = 1;
  attributes.wakeup_events = 1;
  attributes.disabled = 1;  // Until the filter is set.
  base::Fd fd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!fd.valid()) return base::fail_errno(errno, "cannot follow the kernel's tracepoint");
  if (::ioctl(fd.get(), PERF_EVENT_IOC_SET_FILTER, kFilter) != 0) {
    return base::fail_errno(errno, "cannot filter the kernel's tracepoint");
  }
  return fd;
}

}  // namespace

class SocketEvents::Ring {
 public:
  static Result<std::unique_ptr<Ring>> open(net::Loop& loop, std::uint64_t id, int cpu) {
    WRENN_TRY_ASSIGN(base::Fd fd, open_event(id, cpu));
    // The page of control and one of records: what they say does not matter, only that they come.
    const std::size_t size = 2 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (memory == MAP_FAILED) return base::fail_errno(errno, "cannot map the kernel's events");
    Pages pages(memory, Unmap{size});
    // Watched only once it is mapped: before that the kernel calls it hung up.
    WRENN_TRY_ASSIGN(net::IoFd io, net::IoFd::create(loop, std::move(fd)));
    if (::ioctl(io.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) {
      return base::fail_errno(errno, "cannot switch the kernel's tracepoint on");
    }
    return std::unique_ptr<Ring>(new Ring(std::move(io), std::move(pages)));
  }

  // True when there was something in it.
  bool drain() {
    auto& control = *static_cast<perf_event_mmap_page*>(pages_.get());
    const auto head = std::atomic_ref(control.data_head).load(std::memory_order_acquire);
    return std::atomic_ref(control.data_tail).exchange(head, std::memory_order_acq_rel) != head;
  }
  net::WaitList::Awaiter readable() { return fd_.readable(); }

 private:
  struct Unmap {
    std::size_t size = 0;
    void operator()(void* memory) const { ::munmap(memory, size); }
  };
  using Pages = std::unique_ptr<void, Unmap>;

  Ring(net::IoFd fd, Pages pages) : fd_(std::move(fd)), pages_(std::move(pages)) {}
  net::IoFd fd_;
  Pages pages_;
};

SocketEvents::SocketEvents() = default;
SocketEvents::SocketEvents(SocketEvents&&) noexcept = default;
SocketEvents::~SocketEvents() = default;

Result<SocketEvents> SocketEvents::open(net::Loop& loop) {
  WRENN_TRY_ASSIGN(const std::uint64_t id, read_event_id());
  SocketEvents events;
  const long processors = ::sysconf(_SC_NPROCESSORS_ONLN);
  for (int cpu = 0; cpu < processors; ++cpu) {
    WRENN_TRY_ASSIGN(auto ring, Ring::open(loop, id, cpu));
    events.rings_.push_back(std::move(ring));
  }
  return events;
}

void SocketEvents::follow(net::TaskScope& scope, const std::function<void()>& on_change) {
  for (const auto& ring : rings_) scope.spawn(follow_ring(*ring, on_change));
}

net::Task<void> SocketEvents::follow_ring(Ring& ring, std::function<void()> on_change) {
  while (true) {
    if (ring.drain()) {
      on_change();
    } else if (co_await ring.readable() == net::Woken::kStopped) {
      co_return;
    }
  }
}

}  // namespace wrenn::envd
