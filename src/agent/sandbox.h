// Sandbox: one running sandbox as the agent keeps it in memory; its truth on disk is the manifest.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "agent/guest_client.h"
#include "agent/vm_place.h"
#include "net/scope.h"
#include "proxy/activity.h"
#include "storage/manifest.h"

namespace wrenn::agent {

class SandboxUse;

// For one loop. Owned by the SandboxManager.
class Sandbox {
 public:
  Sandbox(storage::SandboxManifest m, VmPlace p, vm::VmProcess v)
      : manifest(std::move(m)),
        place(std::move(p)),
        process(std::move(v)),
        guest(std::make_unique<GuestClient>(
            place.slot.netns.get(), base::Secret(std::string(manifest.envd_token.reveal())))),
        last_active_unix_ms(base::unix_ms_now()) {}

  storage::SandboxManifest manifest;
  VmPlace place;
  vm::VmProcess process;
  std::unique_ptr<GuestClient> guest;
  std::int64_t last_active_unix_ms;
  // Written by the data plane.
  std::shared_ptr<proxy::Activity> proxied = std::make_shared<proxy::Activity>();
  bool is_ending = false;
  bool is_clearing = false;  // destroy() is at it.

  // The last use of any kind; now, while one goes on.
  std::int64_t last_used_unix_ms() const {
    if (uses_ > 0) return base::unix_ms_now();
    return std::max(last_active_unix_ms, proxied->last_unix_ms());
  }

 private:
  friend class SandboxUse;
  friend class SandboxManager;
  net::StopSource stop_;  // Ends what is in flight when the sandbox goes.
  std::size_t uses_ = 0;
  net::WaitList unused_;
  bool is_cleared_ = false;  // Its VM and its place are gone; its directory may be left.
  net::WaitList clearing_ended_;
};

// While one exists, the sandbox does: destroying waits for it, after stopping what runs under
// token(). It counts as activity from its beginning to its end.
class SandboxUse {
 public:
  explicit SandboxUse(Sandbox& sandbox) : sandbox_(&sandbox) {
    ++sandbox.uses_;
    touch();
  }
  SandboxUse(SandboxUse&& other) noexcept : sandbox_(std::exchange(other.sandbox_, nullptr)) {}
  SandboxUse& operator=(SandboxUse&&) = delete;
  ~SandboxUse() {
    if (sandbox_ == nullptr) return;
    touch();
    if (--sandbox_->uses_ == 0) sandbox_->unused_.wake_all();
  }

  Sandbox& operator*() const { return *sandbox_; }
  Sandbox* operator->() const { return sandbox_; }
  net::StopToken token() const { return sandbox_->stop_.token(); }

 private:
  void touch() { sandbox_->last_active_unix_ms = base::unix_ms_now(); }
  Sandbox* sandbox_;
};

// Runs the task so that the end of the sandbox, too, stops it.
template <class T>
net::Task<base::Result<T>> while_it_lives(const SandboxUse& use, net::Task<base::Result<T>> task) {
  const net::StopToken token = use.token();
  auto result = co_await net::with_stop_also(token, std::move(task));
  if (!result && result.error().code == base::Code::kCanceled && token.stop_requested()) {
    co_return base::fail(base::Code::kNotFound, "the sandbox has ended");
  }
  co_return result;
}

}  // namespace wrenn::agent
