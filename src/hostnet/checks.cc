// What `wrenn doctor` says about the network.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "hostnet/host_network.h"
#include "hostnet/links.h"
#include "hostnet/netlink.h"
#include "hostnet/netns.h"
#include "hostnet/nft.h"
#include "hostnet/rules.h"
#include "hostnet/shaping.h"

namespace wrenn::hostnet {
namespace {

using base::concat;

HostCheck good(std::string name, std::string explanation) {
  return {CheckState::kGood, std::move(name), std::move(explanation), {}};
}

HostCheck check_tun() {
  if (::access("/dev/net/tun", R_OK | W_OK) == 0) {
    return good("TAP devices", "/dev/net/tun can be opened");
  }
  return {CheckState::kBad, "TAP devices", "/dev/net/tun is missing or may not be opened",
          "load the kernel module with 'modprobe tun'; in a container, pass the device in"};
}

// Makes what a slot and the host need, in a namespace that goes with its thread.
HostCheck check_slot() {
  bool inside = false;
  const auto tried = run_in_thread([&]() -> base::Result<void> {
    if (::unshare(CLONE_NEWNET) != 0) return base::fail_errno(errno, "making a namespace");
    inside = true;
    WRENN_TRY(run_nft(slot_rules(EgressPolicy{})));
    WRENN_TRY(run_nft(host_rules(InstallTag::of("/check"), kDefaultRange)));
    WRENN_TRY_ASSIGN(const base::Fd own, base::open_file("/proc/thread-self/ns/net", O_RDONLY));
    WRENN_TRY_ASSIGN(Netlink netlink, Netlink::open());
    return netlink.send(make_veth({"check0", "check1", own.get()}));
  });
  if (tried) {
    return good("network slots", "namespaces, links and packet filter rules can be made");
  }
  const std::string remedy = inside ? "the kernel needs nf_tables, nft_nat, nft_fib and veth"
                                    : "run as root, outside of a restricted container";
  return {CheckState::kBad, "network slots", tried.error().message, remedy};
}

HostCheck check_shaping() {
  const std::string name = "traffic limits";
  const auto support = probe_shaping();
  if (!support) {
    return {CheckState::kWarning, name, support.error().message,
            "run as root, outside of a restricted container"};
  }
  switch (support->shaping) {
    case Shaping::kNone:
      return {CheckState::kWarning, name,
              concat("sandboxes may transmit without limit: ", support->missing),
              "the kernel needs ifb, sch_htb, sch_ingress, cls_u32 and act_mirred"};
    case Shaping::kOneQueue:
      return good(name,
                  "what sandboxes transmit is limited; without fq_codel their connections "
                  "share one queue");
    case Shaping::kFairQueues:
      break;
  }
  return good(name, "what sandboxes transmit is limited, fairly among their connections");
}

HostCheck check_default_route() {
  auto netlink = Netlink::open();
  if (netlink) {
    const auto routes = list_routes(*netlink);
    for (const auto& route : routes.value_or(std::vector<Route>{})) {
      if (route.prefix == 0) return good("way out", "the host has a default route");
    }
  }
  return {CheckState::kWarning, "way out",
          "the host has no default route, so sandboxes cannot reach the internet",
          "nothing to do if this machine is meant to be offline"};
}

// Another table that drops forwarded packets wins over our accepting them.
HostCheck check_foreign_rules() {
  const auto chains = run_nft("list chains");
  if (!chains) {
    return {CheckState::kWarning, "other firewalls", chains.error().message, chains.error().remedy};
  }
  std::string table;
  for (const auto line : base::split(*chains, '\n')) {
    if (line.starts_with("table ")) table = base::trim(line.substr(0, line.find('{')));
    if (line.find("hook forward") != std::string_view::npos &&
        line.find("policy drop") != std::string_view::npos) {
      return {CheckState::kWarning, "other firewalls",
              concat(table, " drops forwarded packets, those of sandboxes included"),
              "let it accept packets from and to links named wv*"};
    }
  }
  return good("other firewalls", "none drops what sandboxes send");
}

}  // namespace

std::vector<HostCheck> check_host_network() {
  return {check_tun(), check_slot(), check_shaping(), check_default_route(), check_foreign_rules()};
}

}  // namespace wrenn::hostnet
