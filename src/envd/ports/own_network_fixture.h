// For tests: a network namespace of the test's own, so that what listens on this machine otherwise
// neither shows nor is in the way.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "base/fd.h"

namespace wrenn::envd {

inline constexpr const char* kGuestAddress = "169.254.0.21";

// The calling thread, and what it starts, is in there until the end. It has loopback, and the
// address of a guest. Needs root.
class OwnNetwork {
 public:
  OwnNetwork() : outside_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    is_inside_ = outside_.valid() && ::unshare(CLONE_NEWNET) == 0 && bring_up();
  }
  OwnNetwork(const OwnNetwork&) = delete;
  OwnNetwork& operator=(const OwnNetwork&) = delete;
  ~OwnNetwork() {
    if (outside_.valid()) ::setns(outside_.get(), CLONE_NEWNET);
  }
  bool is_inside() const { return is_inside_; }

 private:
  static bool bring_up() {
    const base::Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq loopback{};
    std::strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
    ifreq guest{};
    std::strcpy(guest.ifr_name, "lo:1");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, kGuestAddress, &address.sin_addr);
    std::memcpy(&guest.ifr_addr, &address, sizeof address);
    return ::ioctl(fd.get(), SIOCSIFFLAGS, &loopback) == 0 &&
           ::ioctl(fd.get(), SIOCSIFADDR, &guest) == 0;
  }

  base::Fd outside_;
  bool is_inside_ = false;
};

}  // namespace wrenn::envd
