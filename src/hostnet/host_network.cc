#include "hostnet/host_network.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/strings.h"
#include "hostnet/links.h"
#include "hostnet/netlink.h"
#include "hostnet/nft.h"
#include "hostnet/rules.h"

namespace wrenn::hostnet {
namespace {

using base::concat;

constexpr const char* kForwarding = "/proc/sys/net/ipv4/ip_forward";
// What the state file holds when forwarding was off before us.
constexpr std::string_view kForwardingWasOff = "ip_forward=0\n";

constexpr Ipv4 kCandidates[] = {{0x0A0C0000}, {0xAC140000}};  // 10.12.0.0 and 172.20.0.0 on
constexpr std::uint32_t kCandidatesEach = 12;

// Of routes: below the range that the kernel itself and administrators use.
std::uint32_t route_owner(const InstallTag& tag) {
  return 0x5700'0000 | tag.number();
}

bool contains(Ipv4 network, int prefix, Ipv4 address) {
  if (prefix == 0) return true;
  return (network.value ^ address.value) >> (32 - prefix) == 0;
}

bool overlaps(const Route& route, SlotRange range) {
  if (route.prefix == 0) return false;  // A default route is for what nobody else has.
  return contains(range.network, 16, route.destination) ||
         contains(route.destination, route.prefix, range.network);
}

bool is_free(const std::vector<Route>& routes, SlotRange range) {
  return std::none_of(routes.begin(), routes.end(),
                      [&](const Route& route) { return overlaps(route, range); });
}

std::optional<SlotRange> own_range(const std::vector<Route>& routes, const InstallTag& tag) {
  for (const auto& route : routes) {
    if (route.is_wrenn_blackhole && route.metric == route_owner(tag)) {
      return SlotRange{route.destination};
    }
  }
  return std::nullopt;
}

base::Result<SlotRange> choose_range(const HostNetworkConfig& config,
                                     const std::vector<Route>& routes) {
  const auto own = own_range(routes, config.tag);
  if (own && (!config.range || *config.range == *own)) return *own;
  if (own && !config.keep.empty()) {
    return base::fail(
        base::Code::kFailedPrecondition,
        concat("running sandboxes use ", own->to_string(), ", not ", config.range->to_string()),
        "stop them before changing the range");
  }
  if (config.range) {
    if (is_free(routes, *config.range)) return *config.range;
    return base::fail(base::Code::kFailedPrecondition,
                      concat("this machine uses ", config.range->to_string(), " already"),
                      "choose another range for the sandboxes");
  }
  for (const Ipv4 first : kCandidates) {
    for (std::uint32_t i = 0; i < kCandidatesEach; ++i) {
      const SlotRange candidate{{first.value + (i << 16)}};
      if (is_free(routes, candidate)) return candidate;
    }
  }
  return base::fail(base::Code::kFailedPrecondition, "no private range is free for the sandboxes",
                    "choose one that this machine does not need");
}

base::Result<void> enable_forwarding(const HostNetworkConfig& config) {
  WRENN_TRY_ASSIGN(const std::string before, base::read_file(kForwarding));
  if (base::trim(before) == "1") return {};
  WRENN_TRY(base::make_dirs(config.state_file.parent_path()));
  WRENN_TRY(base::write_file_atomic(config.state_file, kForwardingWasOff));
  WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file(kForwarding, O_WRONLY));
  return base::write_all(fd.get(), "1");
}

base::Result<bool> other_installation_runs(const InstallTag& tag) {
  WRENN_TRY_ASSIGN(const std::string tables, run_nft("list tables inet"));
  for (const auto line : base::split(tables, '\n')) {
    const auto name = base::trim(line);
    if (name.starts_with("table inet wrenn_") && !name.ends_with(tag.table())) return true;
  }
  return false;
}

base::Result<void> restore_forwarding(const HostNetworkConfig& config) {
  const auto state = base::read_file(config.state_file);
  if (!state) {
    return state.error().code == base::Code::kNotFound ? base::Result<void>{}
                                                       : base::fail(state.error());
  }
  WRENN_TRY_ASSIGN(const bool needed, other_installation_runs(config.tag));
  if (*state == kForwardingWasOff && !needed) {
    WRENN_TRY_ASSIGN(const base::Fd fd, base::open_file(kForwarding, O_WRONLY));
    WRENN_TRY(base::write_all(fd.get(), "0"));
  }
  return base::remove_tree(config.state_file);
}

std::optional<SlotIndex> index_of(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  return base::parse_int<SlotIndex>(name.substr(prefix.size()));
}

base::Result<void> sweep(const SlotSettings& settings, const std::vector<SlotIndex>& keep) {
  WRENN_TRY_ASSIGN(const auto slots, list_slots(settings.tag, settings.netns_dir));
  base::Result<void> result;
  for (const SlotIndex index : slots) {
    if (std::find(keep.begin(), keep.end(), index) != keep.end()) continue;
    if (auto gone = destroy_slot(settings, index); !gone && result) result = gone;
  }
  return result;
}

base::Result<Shaping> find_shaping() {
  WRENN_TRY_ASSIGN(const ShapingSupport support, probe_shaping());
  if (support.shaping == Shaping::kNone) {
    base::log_warn("what sandboxes transmit is not limited", {{"missing", support.missing}});
  } else if (support.shaping == Shaping::kOneQueue) {
    base::log_info("connections of a sandbox share one queue", {{"missing", support.missing}});
  }
  return support.shaping;
}

}  // namespace

base::Result<std::vector<SlotIndex>> list_slots(const InstallTag& tag,
                                                const base::Path& netns_dir) {
  std::set<SlotIndex> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(netns_dir, error)) {
    const auto index = index_of(entry.path().filename().native(), tag.netns_prefix());
    if (index) found.insert(*index);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return base::fail_errno(error.value(), concat("cannot list ", netns_dir.native()));
  }
  WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
  WRENN_TRY_ASSIGN(const auto links, list_links(host));
  for (const auto& link : links) {
    if (const auto index = index_of(link.name, tag.link_prefix())) found.insert(*index);
  }
  return std::vector<SlotIndex>(found.begin(), found.end());
}

base::Result<SlotSettings> start_host_network(const HostNetworkConfig& config) {
  SlotSettings settings{config.tag, kDefaultRange, config.netns_dir};
  WRENN_TRY_ASSIGN(settings.shaping, find_shaping());
  if (auto swept = sweep(settings, config.keep); !swept) {
    return base::fail(std::move(swept).error().with_context("sweeping old network slots"));
  }
  WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
  WRENN_TRY_ASSIGN(const auto routes, list_routes(host));
  WRENN_TRY_ASSIGN(settings.range, choose_range(config, routes));
  const auto own = own_range(routes, config.tag);
  if (own && *own != settings.range) {
    WRENN_TRY(host.send(delete_blackhole(*own, route_owner(config.tag))));
  }
  // The rules first: nothing may be forwarded before they stand.
  WRENN_TRY(run_nft(host_rules(config.tag, settings.range)));
  WRENN_TRY(host.send(add_blackhole(settings.range, route_owner(config.tag))));
  WRENN_TRY(enable_forwarding(config));
  return settings;
}

base::Result<void> stop_host_network(const HostNetworkConfig& config) {
  const SlotSettings settings{config.tag, kDefaultRange, config.netns_dir};
  base::Result<void> result;
  const auto note = [&](base::Result<void> step) {
    if (!step && result) result = std::move(step);
  };
  note(sweep(settings, {}));
  note([&]() -> base::Result<void> {
    WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
    WRENN_TRY_ASSIGN(const auto routes, list_routes(host));
    if (const auto own = own_range(routes, config.tag)) {
      WRENN_TRY(host.send(delete_blackhole(*own, route_owner(config.tag))));
    }
    return {};
  }());
  note(restore_forwarding(config));
  note([&]() -> base::Result<void> {
    WRENN_TRY(run_nft(remove_host_rules(config.tag)));
    return {};
  }());
  return result;
}

}  // namespace wrenn::hostnet
