#include "envd/ports/port_watch.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace wrenn::envd {
namespace {

using std::chrono::milliseconds;

// The kernel tells of a change a moment before its list shows it, and changes come in groups: a
// program that listens on both families, a relay after that.
constexpr base::Duration kShortestSoon = milliseconds(5);
constexpr base::Duration kLongestSoon = milliseconds(20);
constexpr base::Duration kAgain = milliseconds(50);

constexpr base::Duration kBusyInterval = milliseconds(80);
constexpr base::Duration kIdleInterval = milliseconds(500);
constexpr base::Duration kBusyAfterChange = std::chrono::seconds(3);

}  // namespace

PortWatch::PortWatch(net::Loop& loop, std::function<bool()> is_busy)
    : loop_(loop),
      is_busy_(std::move(is_busy)),
      soon_(loop,
            [this] {
              is_soon_ = false;
              look();
            }),
      again_(loop, [this] { look(); }),
      interval_(loop, [this] { look_and_go_on(); }),
      scope_(loop) {}

void PortWatch::start(const PortRules& rules, int relay_cgroup_fd) {
  rules_ = rules;
  if (rules.relay_address) {
    relays_.emplace(loop_, *rules.relay_address, relay_cgroup_fd, [this] { look_soon(); });
  }
  auto events = SocketEvents::open(loop_);
  if (events) {
    events_.emplace(std::move(*events));
    events_->follow(scope_, [this] { look_soon(); });
    look();
    base::log_info("the kernel tells which ports are listened on", {{"list", sockets_.source()}});
  } else {
    look_and_go_on();
    base::log_info("ports are looked for at intervals",
                   {{"list", sockets_.source()}, {"reason", events.error()}});
  }
}

net::Task<void> PortWatch::stop() {
  soon_.cancel();
  again_.cancel();
  interval_.cancel();
  scope_.request_stop();
  co_await scope_.join();
  if (relays_) co_await relays_->stop();
}

void PortWatch::expect_change() {
  if (events_) return;
  const auto now = base::steady_now();
  busy_until_ = now + kBusyAfterChange;
  if (next_look_ <= now + kBusyInterval) return;
  next_look_ = now + kBusyInterval;
  interval_.start(kBusyInterval);
}

void PortWatch::cut_connections() {
  if (relays_) relays_->cut_connections();
}

net::Task<base::Result<void>> PortWatch::wait_change(std::uint64_t known) {
  while (version_ == known) {
    if (co_await watchers_.wait() == net::Woken::kStopped)
      co_return base::fail(net::stopped_error());
  }
  co_return {};
}

void PortWatch::look() {
  const auto started = base::steady_now();
  const auto sockets = sockets_.list();
  if (!sockets) {
    if (!is_failing_) base::log_error("ports cannot be listed", {{"error", sockets.error()}});
    is_failing_ = true;
    return;
  }
  is_failing_ = false;
  auto plan =
      plan_ports(*sockets, rules_, relays_ ? relays_->running() : std::set<std::uint16_t>());
  if (relays_) relays_->set_targets(plan.relays);
  report_refused(plan.refused_relays);
  look_cost_ = base::steady_now() - started;
  if (plan.ports == ports_) return;
  ports_ = std::move(plan.ports);
  ++version_;
  busy_until_ = started + kBusyAfterChange;
  watchers_.wake_all();
}

// However fast a program opens and closes sockets, the agent spends most of its time otherwise.
void PortWatch::look_soon() {
  if (!events_) return expect_change();
  again_.start(kAgain);
  if (is_soon_) return;
  is_soon_ = true;
  soon_.start(std::clamp(look_cost_ * 4, kShortestSoon, kLongestSoon));
}

void PortWatch::look_and_go_on() {
  look();
  const bool is_busy = base::steady_now() < busy_until_ || is_busy_();
  const base::Duration pause = is_busy ? kBusyInterval : kIdleInterval;
  next_look_ = base::steady_now() + pause;
  interval_.start(pause);
}

void PortWatch::report_refused(std::size_t refused) {
  if (refused > refused_relays_) {
    base::log_warn(
        "there are too many ports on loopback alone: some cannot be reached from outside",
        {{"limit", rules_.max_relays}, {"without_relay", refused}});
  }
  refused_relays_ = refused;
}

}  // namespace wrenn::envd
