#include "proxy/guest.h"

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using base::concat;
using net::Task;

constexpr std::size_t kMaxPorts = 256;
constexpr std::size_t kMaxIdlePerPort = 256;
constexpr auto kConnectTimeout = std::chrono::seconds(10);
// An application may close a connection that waits longer.
constexpr auto kIdleTimeout = std::chrono::seconds(4);
constexpr int kAttempts = 3;
constexpr auto kPause = std::chrono::milliseconds(100);
// Touching the shared clock for every packet would cost more than the packet.
constexpr auto kTouchEvery = std::chrono::milliseconds(500);

}  // namespace

GuestPort::GuestPort(Guest& guest, std::uint16_t port)
    : guest_(guest),
      port_(port),
      pool_(guest.settings_.endpoint(port), {.connect_timeout = kConnectTimeout,
                                             .idle_timeout = kIdleTimeout,
                                             .max_idle = kMaxIdlePerPort,
                                             .keep_alive = true,
                                             .netns_fd = guest.settings_.netns.get()}) {}

Task<std::expected<std::unique_ptr<net::ClientConnection>, Fault>> GuestPort::dial() {
  if (!guest_.dials_.take(base::steady_now())) {
    co_return fault(FaultKind::kTooMany,
                    concat("The sandbox may take ", guest_.limits_.connections_per_second,
                           " new connections per second"));
  }
  for (int attempt = 1;; ++attempt) {
    auto connection = co_await pool_.open();
    if (connection) co_return std::move(*connection);
    if (connection.error().code == base::Code::kCanceled) {
      co_return fault(FaultKind::kStopped, "The sandbox is just ending");
    }
    if (attempt == kAttempts || connection.error().code == base::Code::kDeadlineExceeded) break;
    if (guest_.settings_.ports != nullptr) {
      co_await guest_.settings_.ports->wait_until_open(port_, attempt * kPause);
    } else {
      (void)co_await net::sleep_for(attempt * kPause);
    }
  }
  co_return fault(FaultKind::kPortClosed, "The sandbox is running but port is not open");
}

void GuestPort::on_bytes(Flow flow, std::uint64_t bytes) {
  guest_.stats_.count_bytes(flow, bytes);
  const auto now = base::steady_now();
  if (now - guest_.touched_ < kTouchEvery) return;
  guest_.touched_ = now;
  if (guest_.settings_.activity != nullptr) guest_.settings_.activity->touch();
}

Guest::Guest(GuestSettings settings, const GuestLimits& limits, ProxyStats& stats)
    : settings_(std::move(settings)),
      limits_(limits),
      stats_(stats),
      dials_(limits.connections_per_second, limits.connection_burst) {}

bool Guest::is_envd_token(std::string_view token) const {
  return base::constant_time_equal(settings_.envd_token.reveal(), token);
}

std::expected<GuestPort*, Fault> Guest::port(std::uint16_t number) {
  auto found = ports_.find(number);
  if (found == ports_.end()) {
    if (ports_.size() >= kMaxPorts) {
      return fault(FaultKind::kTooMany,
                   concat("The sandbox may have ", kMaxPorts, " ports in use"));
    }
    found = ports_.emplace(number, std::make_unique<GuestPort>(*this, number)).first;
  }
  return found->second.get();
}

Guest::Use::Use(Guest& guest, bool is_tunnel, bool is_activity)
    : guest_(&guest), is_tunnel_(is_tunnel), is_activity_(is_activity) {
  ++guest.open_;
  if (!is_tunnel_) ++guest.requests_;
  if (is_activity_) guest.settings_.activity->begin();
}

Guest::Use::~Use() {
  if (guest_ == nullptr) return;
  if (is_activity_) guest_->settings_.activity->end();
  const bool was_last_request = !is_tunnel_ && --guest_->requests_ == 0;
  const bool was_last = --guest_->open_ == 0;
  if (was_last || was_last_request) guest_->unused_.wake_all();
}

std::expected<Guest::Use, Fault> Guest::enter(bool is_tunnel) {
  if (open_ >= limits_.max_open) {
    return fault(FaultKind::kTooMany,
                 concat("The sandbox may have ", limits_.max_open, " requests open at once"));
  }
  const bool is_use = !is_tunnel || limits_.idle_tunnels_are_use;
  return Use(*this, is_tunnel, is_use && settings_.activity != nullptr);
}

void GuestTable::add(GuestSettings settings) {
  std::string id = settings.id;
  guests_[std::move(id)] = std::make_unique<Guest>(std::move(settings), limits_, stats_);
}

Guest* GuestTable::find(std::string_view id) {
  const auto found = guests_.find(id);
  if (found == guests_.end() || found->second->is_leaving_) return nullptr;
  return found->second.get();
}

Task<void> GuestTable::remove(std::string id, base::Duration patience) {
  if (const auto found = guests_.find(id); found != guests_.end())
    found->second->is_leaving_ = true;
  if (patience > base::Duration::zero()) {
    (void)co_await net::with_timeout(patience, wait_for_requests(id));
  }
  for (auto found = guests_.find(id); found != guests_.end(); found = guests_.find(id)) {
    Guest& guest = *found->second;
    guest.stop_.request_stop();
    if (guest.open_ == 0) {
      guests_.erase(found);
      break;
    }
    co_await guest.unused_.wait();
  }
}

// Somebody else may have removed it meanwhile.
Task<base::Result<void>> GuestTable::wait_for_requests(const std::string& id) {
  for (auto found = guests_.find(id); found != guests_.end(); found = guests_.find(id)) {
    if (found->second->requests_ == 0) break;
    if (co_await found->second->unused_.wait() == net::Woken::kStopped) break;
  }
  co_return {};
}

Task<void> GuestTable::remove_all() {
  while (!guests_.empty()) {
    const std::string id = guests_.begin()->first;
    co_await remove(id);
  }
}

}  // namespace wrenn::proxy
