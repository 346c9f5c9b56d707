// SlotPool: network slots made ahead of time, so that creating a sandbox does not wait for one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include "base/time.h"
#include "hostnet/slot.h"

namespace wrenn::hostnet {

// Thread-safe. Owns one thread, which makes and destroys slots.
class SlotPool {
 public:
  // `ahead`: how many unused slots are kept ready. `living`: the slots of VMs that outlived the
  // last agent; they are left alone until adopt().
  SlotPool(SlotSettings settings, std::size_t ahead, std::set<SlotIndex> living = {});
  // Destroys what was released and what nobody took; slots in use stay as they are.
  ~SlotPool();
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  // Immediate while the pool is filled, else waits for the maker. kDeadlineExceeded after
  // `timeout`; the maker's error when slots cannot be made; kResourceExhausted when all
  // kMaxSlot are in use.
  base::Result<Slot> acquire(base::Duration timeout = std::chrono::seconds(10));
  // Takes the slot of a VM that outlived the agent. One that was not named as living may be lost to
  // the maker, which passes over it as somebody's leftover: kAlreadyExists.
  base::Result<Slot> adopt(SlotIndex index);
  // Returns at once; the slot is destroyed in the background. No process may use it any more.
  void release(Slot slot);
  // Waits until everything released so far is gone.
  void drain();

  std::size_t ready() const;
  std::size_t in_use() const;
  // Why the last slot could not be made; nothing when it could.
  std::optional<base::Error> problem() const;

 private:
  void run(std::stop_token stop);
  bool wants_slot() const;
  void make_one(std::unique_lock<std::mutex>& lock);
  void destroy_one(std::unique_lock<std::mutex>& lock);
  std::optional<SlotIndex> free_index() const;

  const SlotSettings settings_;
  const std::size_t ahead_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Slot> ready_;
  std::deque<SlotIndex> doomed_;
  std::set<SlotIndex> taken_;   // In any state, so not free.
  std::set<SlotIndex> living_;  // Of these, those that wait for adopt().
  std::size_t waiting_ = 0;
  std::size_t in_use_ = 0;
  std::size_t foreign_ = 0;  // Taken, but neither ready nor in use: leftovers that cannot go.
  bool making_ = false;
  std::optional<base::Error> broken_;  // Why the last slot could not be made.
  base::SteadyTime retry_at_{};
  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace wrenn::hostnet
