// BusySandboxes: the sandboxes that somebody is changing right now. The reconciler leaves them to
// whoever does. Thread-safe.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace wrenn::control {

class BusySandboxes {
 public:
  class Mark {
   public:
    Mark(BusySandboxes& busy, std::string id) : busy_(&busy), id_(std::move(id)) {
      const std::lock_guard lock(busy_->mutex_);
      busy_->ids_.insert(id_);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark() {
      const std::lock_guard lock(busy_->mutex_);
      busy_->ids_.extract(id_);
    }

   private:
    BusySandboxes* busy_;
    std::string id_;
  };
  bool contains(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    return ids_.contains(id);
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<std::string, std::less<>> ids_;
};

}  // namespace wrenn::control
