// Shaping: how much a guest may transmit, and what goes first on its link, by the kernel's queues.
//
// What the guest transmits arrives at the host on the TAP, where nothing can wait. It is led
// through an ifb device (kTransmitName), whose queue lets it pass as the limit allows; then it
// arrives on the TAP as if it had never left, so that packet filter and NAT see no difference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "hostnet/netlink.h"

namespace wrenn::hostnet {

inline constexpr std::string_view kTransmitName = "ifb0";
// envd's TCP port in every guest. Its packets, and ARP, go ahead of all others.
inline constexpr std::uint16_t kControlPort = 49983;

// Seen from the guest. A burst is what may pass at once after a time of silence. None may be zero.
struct LinkLimits {
  std::uint32_t transmit_bytes_per_second = 200'000'000;
  std::uint32_t transmit_burst_bytes = 100'000'000;
  // A flood waits where its packets can be overtaken, as long as the guest takes this much. A
  // slower guest, an emulated one for example, lets the TAP's own ring fill: its order is fixed,
  // and what finds it full is dropped.
  std::uint32_t receive_bytes_per_second = 1'250'000'000;
  std::uint32_t receive_burst_bytes = 5'000'000;
};

// What the kernel can do. What is not control traffic waits in one queue, or in one per flow.
enum class Shaping { kNone, kOneQueue, kFairQueues };

struct ShapingSupport {
  Shaping shaping = Shaping::kNone;
  std::string missing;  // What the kernel lacks; empty when it lacks nothing.
};
// Tries it in a throw-away namespace, and loads what modules it takes. Blocking; needs root. Once
// per process is enough: asking for what the kernel lacks makes it look for a module each time.
base::Result<ShapingSupport> probe_shaping();

// Makes the ifb device and shapes the link with the number `tap`, in the socket's namespace.
// Cheapest while the TAP is down: changing the queue of a link that is up waits for every CPU. Does
// nothing for Shaping::kNone.
base::Result<void> shape_link(Netlink& netlink, Shaping shaping, const LinkLimits& limits, int tap);

}  // namespace wrenn::hostnet
