#include "hostnet/slot_pool.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::hostnet {
namespace {
constexpr auto kRetryDelay = std::chrono::milliseconds(500);
}  // namespace

SlotPool::SlotPool(SlotSettings settings, std::size_t ahead, std::set<SlotIndex> living)
    : settings_(std::move(settings)),
      ahead_(ahead),
      taken_(living),
      living_(std::move(living)),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

SlotPool::~SlotPool() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  for (const Slot& slot : ready_) doomed_.push_back(slot.index);
  ready_.clear();
  std::unique_lock lock(mutex_);
  while (!doomed_.empty()) destroy_one(lock);
}

base::Result<Slot> SlotPool::acquire(base::Duration timeout) {
  std::unique_lock lock(mutex_);
  ++waiting_;
  broken_.reset();
  retry_at_ = {};
  changed_.notify_all();
  const bool answered =
      changed_.wait_for(lock, timeout, [&] { return !ready_.empty() || broken_.has_value(); });
  --waiting_;
  if (!ready_.empty()) {
    Slot slot = std::move(ready_.front());
    ready_.pop_front();
    ++in_use_;
    changed_.notify_all();
    return slot;
  }
  if (answered) return base::fail(*broken_);
  return base::fail(base::Code::kDeadlineExceeded, "no network slot became ready in time");
}

base::Result<Slot> SlotPool::adopt(SlotIndex index) {
  const std::lock_guard lock(mutex_);
  const bool is_living = living_.contains(index);
  if (!is_living && taken_.contains(index)) {
    return base::fail(base::Code::kAlreadyExists,
                      base::concat("network slot ", index, " is in use already"));
  }
  WRENN_TRY_ASSIGN(Slot slot, open_slot(settings_, index));
  living_.erase(index);
  taken_.insert(index);
  ++in_use_;
  return slot;
}

void SlotPool::release(Slot slot) {
  const std::lock_guard lock(mutex_);
  if (in_use_ > 0) --in_use_;
  doomed_.push_back(slot.index);
  changed_.notify_all();
}

void SlotPool::drain() {
  std::unique_lock lock(mutex_);
  // A doomed slot stays in taken_ until it is gone.
  changed_.wait(lock, [&] {
    return taken_.size() <=
           in_use_ + ready_.size() + foreign_ + living_.size() + (making_ ? 1u : 0u);
  });
}

std::size_t SlotPool::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_.size();
}

std::size_t SlotPool::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

std::optional<base::Error> SlotPool::problem() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

void SlotPool::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (wants_slot() && base::steady_now() >= retry_at_) {
      make_one(lock);
    } else if (!doomed_.empty()) {
      destroy_one(lock);
    } else if (wants_slot()) {
      changed_.wait_until(lock, stop, retry_at_, [] { return false; });
    } else {
      changed_.wait(lock, stop, [&] { return wants_slot() || !doomed_.empty(); });
    }
  }
}

bool SlotPool::wants_slot() const {
  return ready_.size() < std::max(ahead_, waiting_);
}

std::optional<SlotIndex> SlotPool::free_index() const {
  SlotIndex index = kMinSlot;
  for (const SlotIndex taken : taken_) {
    if (taken != index) break;
    ++index;
  }
  if (index > kMaxSlot) return std::nullopt;
  return index;
}

void SlotPool::make_one(std::unique_lock<std::mutex>& lock) {
  const auto index = free_index();
  if (!index) {
    broken_ = base::Error(base::Code::kResourceExhausted,
                          base::concat("all ", kMaxSlot, " network slots are in use"));
    retry_at_ = base::steady_now() + kRetryDelay;
    changed_.notify_all();
    return;
  }
  taken_.insert(*index);
  making_ = true;
  lock.unlock();
  auto slot = create_slot(settings_, *index);
  lock.lock();
  making_ = false;
  if (slot) {
    ready_.push_back(std::move(*slot));
  } else if (slot.error().code == base::Code::kAlreadyExists) {
    // Somebody's leftover: the index stays taken, and the next one is tried at once.
    ++foreign_;
  } else {
    taken_.erase(*index);
    base::log_warn("cannot make a network slot", {{"error", slot.error()}});
    broken_ = slot.error();
    retry_at_ = base::steady_now() + kRetryDelay;
  }
  changed_.notify_all();
}

void SlotPool::destroy_one(std::unique_lock<std::mutex>& lock) {
  const SlotIndex index = doomed_.front();
  doomed_.pop_front();
  lock.unlock();
  const auto gone = destroy_slot(settings_, index);
  lock.lock();
  if (gone) {
    taken_.erase(index);
  } else {
    // Not free again: the sweep of the next start tries once more.
    ++foreign_;
    base::log_warn("a network slot stays behind", {{"error", gone.error()}});
  }
  changed_.notify_all();
}

}  // namespace wrenn::hostnet
