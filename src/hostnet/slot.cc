#include "hostnet/slot.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "hostnet/links.h"
#include "hostnet/netlink.h"
#include "hostnet/netns.h"
#include "hostnet/nft.h"
#include "hostnet/rules.h"

namespace wrenn::hostnet {
namespace {

using base::concat;

// Of every namespace. The other links take what numbers the kernel gives them: some kernels put
// links of their own into each namespace (tunl0, sit0).
constexpr int kLoopbackIndex = 1;
constexpr int kLinkPrefix = 31;

base::Result<void> write_sysctl(const char* path, std::string_view value) {
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file(path, O_WRONLY));
  if (auto written = base::write_all(fd.get(), value); !written) {
    return base::fail(std::move(written).error().with_context(path));
  }
  return {};
}

// Attaches to the TAP of the calling thread's namespace.
base::Result<base::Fd> attach_tap() {
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file("/dev/net/tun", O_RDWR | O_NONBLOCK));
  ifreq request{};
  kTapName.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return base::fail_errno(errno, "opening the TAP");
  }
  return fd;
}

base::Result<void> create_tap() {
  WRENN_TRY_ASSIGN(const base::Fd fd, attach_tap());
  if (::ioctl(fd.get(), TUNSETPERSIST, 1) != 0) {
    return base::fail_errno(errno, "making the TAP permanent");
  }
  return {};
}

// A kernel without IPv6 has nothing to switch off.
base::Result<void> disable_ipv6() {
  for (const char* path : {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
                           "/proc/sys/net/ipv6/conf/default/disable_ipv6"}) {
    if (auto done = write_sysctl(path, "1"); !done && done.error().code != base::Code::kNotFound) {
      return done;
    }
  }
  return {};
}

base::Result<void> fill_namespace(const SlotSettings& settings, SlotIndex index) {
  WRENN_TRY(create_tap());
  WRENN_TRY_ASSIGN(Netlink inside, Netlink::open());
  WRENN_TRY_ASSIGN(const int tap, link_index(inside, std::string(kTapName)));
  WRENN_TRY_ASSIGN(const int uplink, link_index(inside, std::string(kUplinkName)));
  // While the TAP is down: changing the queue of a link that is up waits for every CPU.
  WRENN_TRY(shape_link(inside, settings.shaping, settings.limits, tap));
  std::vector<NetlinkMessage> requests;
  requests.push_back(set_link_up(kLoopbackIndex));
  requests.push_back(set_link_up(uplink));
  requests.push_back(add_address(uplink, sandbox_end(settings.range, index), kLinkPrefix));
  requests.push_back(set_up_tap(tap, kGatewayMac, kTapQueueLength));
  requests.push_back(add_address(tap, kGatewayAddress, kGuestPrefix));
  requests.push_back(add_permanent_neighbour(tap, kGuestAddress, kGuestMac));
  requests.push_back(add_default_route(uplink, host_end(settings.range, index)));
  WRENN_TRY(inside.send(std::move(requests)));
  WRENN_TRY(run_nft(slot_rules(EgressPolicy{})));
  // Last: nothing may pass before the rules stand.
  return write_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
}

// On a thread of its own, which stays in the new namespace.
base::Result<Slot> build(const SlotSettings& settings, SlotIndex index) {
  Slot slot;
  slot.index = index;
  slot.address = sandbox_end(settings.range, index);
  slot.netns_path = settings.netns_dir / settings.tag.netns(index);
  const std::string link = settings.tag.link(index);
  WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
  WRENN_TRY_ASSIGN(slot.netns, make_netns(slot.netns_path));
  WRENN_TRY(disable_ipv6());
  WRENN_TRY(host.send(make_veth({link, std::string(kUplinkName), slot.netns.get()})));
  WRENN_TRY_ASSIGN(const int link_number, link_index(host, link));
  std::vector<NetlinkMessage> requests;
  requests.push_back(set_link_up(link_number));
  requests.push_back(add_address(link_number, host_end(settings.range, index), kLinkPrefix));
  WRENN_TRY(host.send(std::move(requests)));
  WRENN_TRY(fill_namespace(settings, index));
  return slot;
}

}  // namespace

base::Result<Slot> create_slot(const SlotSettings& settings, SlotIndex index) {
  const std::string context = concat("network slot ", index);
  if (index < kMinSlot || index > kMaxSlot) {
    return base::fail(base::Code::kOutOfRange, concat(context, " does not exist"));
  }
  WRENN_TRY(base::make_dirs(settings.netns_dir));
  Slot slot;
  auto made = run_in_thread([&]() -> base::Result<void> {
    WRENN_TRY_ASSIGN(slot, build(settings, index));
    return {};
  });
  if (!made) {
    // What was there before is not ours to take down.
    if (made.error().code != base::Code::kAlreadyExists) {
      if (auto undone = destroy_slot(settings, index); !undone) {
        base::log_warn("a half-made network slot stays behind", {{"error", undone.error()}});
      }
    }
    return base::fail(std::move(made).error().with_context(context));
  }
  return slot;
}

base::Result<Slot> open_slot(const SlotSettings& settings, SlotIndex index) {
  Slot slot;
  slot.index = index;
  slot.address = sandbox_end(settings.range, index);
  slot.netns_path = settings.netns_dir / settings.tag.netns(index);
  WRENN_TRY_ASSIGN(slot.netns, open_netns(slot.netns_path));
  WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
  WRENN_TRY(link_index(host, settings.tag.link(index)));
  return slot;
}

base::Result<void> destroy_slot(const SlotSettings& settings, SlotIndex index) {
  WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
  auto link_gone = host.send(delete_link(settings.tag.link(index)));
  if (!link_gone && link_gone.error().code == base::Code::kNotFound) link_gone = {};
  // Both are tried: what can go goes.
  WRENN_TRY(unpin_netns(settings.netns_dir / settings.tag.netns(index)));
  return link_gone;
}

base::Result<base::Fd> Slot::open_tap(uid_t owner) const {
  base::Fd tap;
  WRENN_TRY(run_in_netns(netns.get(), [&]() -> base::Result<void> {
    WRENN_TRY_ASSIGN(tap, attach_tap());
    if (::ioctl(tap.get(), TUNSETOWNER, static_cast<unsigned long>(owner)) != 0) {
      return base::fail_errno(errno, "giving the TAP to its user");
    }
    return {};
  }));
  return tap;
}

}  // namespace wrenn::hostnet
