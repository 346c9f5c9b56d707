// PortWatch: keeps the list of ports that programs of the guest listen on, and their relays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "envd/ports/port_plan.h"
#include "envd/ports/port_relays.h"
#include "envd/ports/socket_events.h"
#include "net/scope.h"

namespace wrenn::envd {

// For one loop; not thread-safe. A change is in the list within 100 ms. Where the kernel tells of
// changes, an idle guest is not woken at all; elsewhere the sockets are looked at every 80 ms while
// something goes on, and otherwise twice a second.
class PortWatch {
 public:
  // `is_busy`: whether commands are running.
  PortWatch(net::Loop& loop, std::function<bool()> is_busy);

  // To be called once; before it nothing is listed.
  // `relay_cgroup_fd`: where relays run, or -1; stays the caller's.
  void start(const PortRules& rules, int relay_cgroup_fd);
  // Ends the relays, too; to be called before destruction.
  net::Task<void> stop();
  // Something was begun that may soon listen.
  void expect_change();
  // See PortRelays.
  void cut_connections();

  const std::vector<PortEntry>& ports() const { return ports_; }
  // Grows with every change of the list.
  std::uint64_t version() const { return version_; }
  // Until the version is another one than `known`; kCanceled when stopped.
  net::Task<base::Result<void>> wait_change(std::uint64_t known);

 private:
  void look();
  void look_soon();
  void look_and_go_on();
  void report_refused(std::size_t refused);

  net::Loop& loop_;
  const std::function<bool()> is_busy_;
  PortRules rules_;
  ListeningSockets sockets_;
  std::optional<SocketEvents> events_;
  std::optional<PortRelays> relays_;

  std::vector<PortEntry> ports_;
  std::uint64_t version_ = 0;
  net::WaitList watchers_;
  std::size_t refused_relays_ = 0;
  bool is_failing_ = false;

  // For the kernel's events: soon after one, and once more a little later.
  net::Timer soon_;
  net::Timer again_;
  bool is_soon_ = false;
  base::Duration look_cost_{};
  // For looking at intervals.
  net::Timer interval_;
  base::SteadyTime next_look_;
  base::SteadyTime busy_until_;

  net::TaskScope scope_;
};

}  // namespace wrenn::envd
