// SocketEvents: the kernel's word that a TCP socket began or ceased to listen, through the
// tracepoint sock:inet_sock_set_state. While nothing happens nobody is woken.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/scope.h"

namespace wrenn::envd {

// For one loop; not thread-safe.
class SocketEvents {
 public:
  // Needs a kernel with tracing, tracefs at /sys/kernel/tracing, and root: kNotFound,
  // kPermissionDenied and the like where one of them is missing.
  static base::Result<SocketEvents> open(net::Loop& loop);
  SocketEvents(SocketEvents&&) noexcept;
  SocketEvents& operator=(SocketEvents&&) = delete;
  ~SocketEvents();

  // Calls `on_change` after each change, also after one that came before this call, from tasks of
  // the scope, which must end before this object does. The kernel tells of a change a moment before
  // a list of the sockets shows it.
  void follow(net::TaskScope& scope, const std::function<void()>& on_change);

 private:
  class Ring;
  SocketEvents();
  static net::Task<void> follow_ring(Ring& ring, std::function<void()> on_change);

  std::vector<std::unique_ptr<Ring>> rings_;  // One for each processor.
};

}  // namespace wrenn::envd
