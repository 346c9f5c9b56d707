#include "net/loop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/log.h"

namespace wrenn::net {
namespace {

constexpr std::size_t kEventsPerTurn = 128;

base::Fd must(int fd, std::string_view what) {
  if (fd < 0) {
    base::log_error("the event loop cannot start",
                    {{"step", what}, {"error", base::errno_error(errno, what)}});
    std::abort();
  }
  return base::Fd(fd);
}

// The frame of a root task: it starts suspended, frees itself at its end.
struct Root {
  struct promise_type {
    Context context;
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // A root task answers to nobody: an exception that arrives here is a defect.
    void unhandled_exception() const noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Root run_root(Task<void> task) {
  co_await std::move(task);
}

}  // namespace

Loop::Loop()
    : epoll_(must(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wakeup_(must(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event) != 0) must(-1, "epoll_ctl");
}

Loop::~Loop() = default;

void Loop::run() {
  while (!stopped_.exchange(false, std::memory_order_acquire)) turn();
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_release);
  post([] {});
}

void Loop::post(std::move_only_function<void()> function) {
  // The wake-up is written under the lock: without it the loop may run the function, end and be
  // destroyed before the write, which then goes to a descriptor that is closed or another's.
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(function));
  const std::uint64_t one = 1;
  // Full (EAGAIN) means that the wake-up is on its way already.
  [[maybe_unused]] const ssize_t n = ::write(wakeup_.get(), &one, sizeof one);
}

void Loop::spawn(Task<void> task, StopToken stop, const std::string* request_id) {
  const Root root = run_root(std::move(task));
  root.handle.promise().context = Context{this, stop, request_id};
  schedule(root.handle);
}

void Loop::turn() {
  run_ready();
  std::array<epoll_event, kEventsPerTurn> events;
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), poll_timeout_ms());
  if (count > 0) handle_events(std::span(events.data(), static_cast<std::size_t>(count)));
  run_timers();
}

void Loop::run_ready() {
  // Only those ready now: what they make ready waits for the next turn, after the events.
  for (std::size_t left = ready_.size(); left > 0; --left) {
    const auto handle = ready_.front();
    ready_.pop_front();
    budget_ = kBudget;
    handle.resume();
  }
}

void Loop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wakeup_.get(), &count, sizeof count);
  std::vector<std::move_only_function<void()>> functions;
  {
    const std::lock_guard lock(posted_mutex_);
    functions.swap(posted_);
  }
  for (auto& function : functions) {
    budget_ = kBudget;
    function();
  }
}

void Loop::handle_events(std::span<epoll_event> events) {
  current_events_ = events;
  for (const epoll_event& event : events) {
    if (event.events == 0) continue;  // Its descriptor was closed earlier in this turn.
    if (event.data.ptr == nullptr) {
      run_posted();
      continue;
    }
    auto* state = static_cast<IoFd::State*>(event.data.ptr);
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    if (broken || (event.events & EPOLLRDHUP) != 0) {
      state->hung_up = true;
      state->hangup_waiters.wake_all();
      if (state->stop_at_hangup != nullptr) state->stop_at_hangup->request_stop();
    }
    if (broken || (event.events & (EPOLLIN | EPOLLRDHUP)) != 0) {
      state->maybe_readable = true;
      state->readers.wake_all();
    }
    if (broken || (event.events & EPOLLOUT) != 0) state->writers.wake_all();
  }
  current_events_ = {};
}

void Loop::run_timers() {
  const auto now = base::steady_now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Timer* timer = timers_.begin()->second;
    timer->cancel();
    timer->function_();
  }
}

int Loop::poll_timeout_ms() const {
  if (!ready_.empty() || stopped_.load(std::memory_order_relaxed)) return 0;
  if (timers_.empty()) return -1;
  const auto left = timers_.begin()->first - base::steady_now();
  if (left <= base::Duration::zero()) return 0;
  // Rounded up, so that the loop does not spin in the last millisecond.
  constexpr std::int64_t kMaxMs = 1'000'000;
  return static_cast<int>(std::min(base::to_ms(left) + 1, kMaxMs));
}

void Timer::start(base::Duration delay) {
  cancel();
  position_ = loop_.timers_.emplace(base::steady_now() + delay, this);
  armed_ = true;
}

void Timer::cancel() {
  if (!armed_) return;
  loop_.timers_.erase(position_);
  armed_ = false;
}

base::Result<IoFd> IoFd::create(Loop& loop, base::Fd fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return base::fail_errno(errno, "cannot make a descriptor non-blocking");
  }
  IoFd io(loop, std::move(fd));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = io.state_.get();
  if (::epoll_ctl(loop.epoll_.get(), EPOLL_CTL_ADD, io.get(), &event) != 0) {
    return base::fail_errno(errno, "cannot watch a descriptor");
  }
  return io;
}

IoFd::IoFd(IoFd&& other) noexcept
    : loop_(other.loop_), fd_(std::move(other.fd_)), state_(std::move(other.state_)) {}

IoFd::~IoFd() {
  if (!fd_.valid()) return;
  // Errors mean that it was never added. The event is not read for EPOLL_CTL_DEL.
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_DEL, fd_.get(), nullptr);
  for (epoll_event& event : loop_->current_events_) {
    if (event.data.ptr == state_.get()) event.events = 0;
  }
}

base::Error stopped_error() {
  return {base::Code::kCanceled, "the operation was cancelled"};
}

Task<base::Result<void>> sleep_for(base::Duration delay) {
  const Context context = co_await current_context();
  WaitList waiting;
  Timer timer(*context.loop, [&waiting] { waiting.wake_all(); });
  timer.start(delay);
  if (co_await waiting.wait() == Woken::kStopped) co_return base::fail(stopped_error());
  co_return {};
}

Task<base::Result<void>> wait_readable(int fd) {
  const Context context = co_await current_context();
  base::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) co_return base::fail_errno(errno, "cannot duplicate a descriptor");
  WRENN_CO_TRY_ASSIGN(IoFd io, IoFd::create(*context.loop, std::move(copy)));
  while (true) {
    pollfd now{io.get(), POLLIN, 0};
    if (::poll(&now, 1, 0) > 0) co_return {};
    if (co_await io.readable() == Woken::kStopped) co_return base::fail(stopped_error());
  }
}

}  // namespace wrenn::net
