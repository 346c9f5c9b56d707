// Sandbox: one sandbox as the agent keeps it in memory, running or paused; its truth on disk is the
// manifest.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "agent/checkpoint.h"
#include "agent/live_vm.h"
#include "agent/resource_meter.h"
#include "net/scope.h"
#include "net/sync.h"
#include "proxy/activity.h"
#include "storage/manifest.h"

namespace wrenn::agent {

class SandboxUse;

enum class Doing {
  kNothing,
  kPausing,
  kResuming,
  kEnding,
  kStuck,  // Its VM ended, and what that had written could not be kept yet: it is tried again.
};

// For one loop. Owned by the SandboxManager, and by those who wait for its lock.
class Sandbox {
 public:
  Sandbox(storage::SandboxManifest m, CheckpointPtr b, std::unique_ptr<LiveVm> v)
      : manifest(std::move(m)), base(std::move(b)), vm(std::move(v)) {}

  storage::SandboxManifest manifest;
  CheckpointPtr base;          // What it runs on, or is paused as.
  std::unique_ptr<LiveVm> vm;  // While it runs.
  // Held by whoever starts, stops, saves or destroys it. Its manifest may have changed while one
  // waited.
  net::Mutex changing;
  Doing doing = Doing::kNothing;
  bool is_gone = false;  // Destroyed while others waited for the lock.
  std::int64_t last_active_unix_ms = base::unix_ms_now();
  bool is_disk_lost = false;                 // The kernel gave it up, which was said.
  std::int64_t ends_not_before_unix_ms = 0;  // By its lifecycle: the last attempt failed.
  std::int64_t merges_not_before_unix_ms = 0;
  ResourceMeter resources;
  // Written by the data plane.
  std::shared_ptr<proxy::Activity> proxied = std::make_shared<proxy::Activity>();

  // The last use of any kind; now, while one goes on.
  std::int64_t last_used_unix_ms() const {
    if (uses_ > 0) return base::unix_ms_now();
    return std::max(last_active_unix_ms, proxied->last_unix_ms());
  }
  // Why its lifecycle says that it must not run any more: "idle", "lifetime"; empty while it may.
  std::string_view overdue(std::int64_t now_unix_ms) const {
    if (manifest.end_at_unix_ms > 0 && now_unix_ms >= manifest.end_at_unix_ms) return "lifetime";
    const std::int64_t idle_ms = now_unix_ms - last_used_unix_ms();
    const bool is_idle =
        manifest.timeout_sec > 0 && idle_ms >= manifest.timeout_sec * std::int64_t{1000};
    return is_idle ? "idle" : "";
  }
  // Calls and streams into it that are under way.
  std::size_t uses() const { return uses_; }
  bool is_usable() const { return vm != nullptr && doing == Doing::kNothing; }
  // The agent ends and the sandbox does not: so does nothing of what runs in it.
  void abandon_uses() {
    is_abandoned_ = true;
    stop_->request_stop();
  }
  // Ends all uses, and waits until they have. New ones are refused as long as `doing` says so.
  net::Task<void> end_uses() {
    stop_->request_stop();
    while (uses_ > 0) co_await unused_.wait();
    stop_ = std::make_unique<net::StopSource>();
  }

 private:
  friend class SandboxUse;
  std::unique_ptr<net::StopSource> stop_ = std::make_unique<net::StopSource>();
  std::size_t uses_ = 0;
  net::WaitList unused_;
  bool is_abandoned_ = false;
};

// While one exists, the sandbox runs: pausing and destroying wait for it, after stopping what runs
// under token(). It counts as activity from its beginning to its end.
class SandboxUse {
 public:
  explicit SandboxUse(std::shared_ptr<Sandbox> sandbox)
      : sandbox_(std::move(sandbox)), token_(sandbox_->stop_->token()) {
    ++sandbox_->uses_;
    touch();
  }
  SandboxUse(SandboxUse&& other) noexcept
      : sandbox_(std::exchange(other.sandbox_, nullptr)), token_(other.token_) {}
  SandboxUse& operator=(SandboxUse&&) = delete;
  ~SandboxUse() {
    if (sandbox_ == nullptr) return;
    touch();
    if (--sandbox_->uses_ == 0) sandbox_->unused_.wake_all();
  }

  GuestClient& guest() const { return *sandbox_->vm->guest; }
  net::StopToken token() const { return token_; }
  bool is_abandoned() const { return sandbox_->is_abandoned_; }
  bool is_pausing() const { return sandbox_->doing == Doing::kPausing; }

 private:
  void touch() { sandbox_->last_active_unix_ms = base::unix_ms_now(); }
  std::shared_ptr<Sandbox> sandbox_;
  net::StopToken token_;
};

// Runs the task so that a pause and the end of the sandbox, too, stop it.
template <class T>
net::Task<base::Result<T>> while_it_lives(const SandboxUse& use, net::Task<base::Result<T>> task) {
  const net::StopToken token = use.token();
  auto result = co_await net::with_stop_also(token, std::move(task));
  if (!result && result.error().code == base::Code::kCanceled && token.stop_requested()) {
    if (use.is_abandoned()) {
      co_return base::fail(base::Code::kUnavailable, "the host's agent is ending");
    }
    if (use.is_pausing()) {
      co_return base::fail(base::Code::kAborted, "the sandbox was paused meanwhile",
                           "resume it and attach again: what ran in it goes on");
    }
    co_return base::fail(base::Code::kNotFound, "the sandbox has ended");
  }
  co_return result;
}

}  // namespace wrenn::agent
