// PortRelays: the programs that carry connections from the guest's address to ports that are bound
// to loopback alone: one socat for each, which starts a child for every connection.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "envd/ports/port_plan.h"
#include "envd/process/spawn.h"
#include "net/scope.h"

namespace wrenn::envd {

// The command of a relay. As root it becomes `nobody`, at the latest when it has its port.
SpawnSpec make_relay_spec(const IpAddress& bind_address, const RelayTarget& target, bool is_root);

// For one loop; not thread-safe.
class PortRelays {
 public:
  // `cgroup_fd`: where they run, or -1. `on_change`: a relay has ended by itself.
  PortRelays(net::Loop& loop, IpAddress bind_address, int cgroup_fd,
             std::function<void()> on_change)
      : bind_address_(bind_address),
        cgroup_fd_(cgroup_fd),
        on_change_(std::move(on_change)),
        scope_(loop) {}

  // From now on there is a relay for each of these and for nothing else. One that is not in the
  // list any more is killed with all its connections; one that dies is started again, after a while
  // that grows from 0.1 s to 10 s.
  void set_targets(std::span<const RelayTarget> targets);
  // The ports whose relay's process is there; whether it listens already only the sockets tell.
  std::set<std::uint16_t> running() const;
  // Ends every connection that is carried now; the relays go on. Blocking, but brief.
  void cut_connections();
  // Kills them all; to be called before destruction.
  net::Task<void> stop();

 private:
  struct Relay;
  net::Task<void> keep(std::shared_ptr<Relay> relay);
  net::Task<void> run_once(Relay& relay);

  const IpAddress bind_address_;
  const int cgroup_fd_;
  const std::function<void()> on_change_;
  std::map<std::uint16_t, std::shared_ptr<Relay>> relays_;
  net::TaskScope scope_;
};

}  // namespace wrenn::envd
