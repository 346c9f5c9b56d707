#include "hostnet/rules.h"

#include <utility>
#include <vector>

#include "base/strings.h"
#include "hostnet/denials.h"

namespace wrenn::hostnet {
namespace {

// $NAME stands for a value.
std::string fill(std::string text,
                 const std::vector<std::pair<std::string_view, std::string>>& values) {
  for (const auto& [name, value] : values) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.replace(at, name.size(), value);
      at += value.size();
    }
  }
  return text;
}

// The guest may only use its own address. Whatever arrives from the host is for the guest, and
// seems to come from its gateway, so that the guest needs to know no other address.
//
// A set that is full ends the rule that would add to it: recording and refusing are rules of their
// own, so that nothing passes then. A refusal that is heard ends what waits for an answer at once.
//
// No sandbox reaches what is special. The host's rules are the wall; these refuse the same before
// it, where it is known whose packet it was.
constexpr const char* kSlotRules = R"(
table ip wrenn
flush table ip wrenn
table ip wrenn {
  set $DENIED_PORTS {
    type ipv4_addr . inet_proto . inet_service
    size $MAX_DENIALS
    flags dynamic,timeout
    timeout $KEPT
    gc-interval 1m
  }
  set $DENIED_OTHERS {
    type ipv4_addr . inet_proto
    size $MAX_DENIALS
    flags dynamic,timeout
    timeout $KEPT
    gc-interval 1m
  }
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "$UPLINK" dnat to $GUEST
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "$UPLINK" masquerade
    oifname "$TAP" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "$TAP" oifname "$UPLINK" ip saddr $GUEST jump from_guest
    iifname "$UPLINK" oifname "$TAP" accept
  }
  chain from_guest {
    ct direction reply accept
    ip daddr { $SPECIAL } goto refuse
    jump egress
    accept
  }
  chain egress {
$EGRESS  }
  chain refuse {
    meta l4proto { tcp, udp } update @$DENIED_PORTS { ip daddr . meta l4proto . th dport counter }
    meta l4proto != { tcp, udp } update @$DENIED_OTHERS { ip daddr . meta l4proto counter }
    meta l4proto tcp reject with tcp reset
    reject with icmp admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
  }
}
)";

// `fib saddr . iif oif missing`: the source address is not the one at the other end of this link.
constexpr const char* kHostRules = R"(
table inet $TABLE
delete table inet $TABLE
table inet $TABLE {
  set special {
    type ipv4_addr
    flags interval
    elements = { $SPECIAL }
  }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "$LINKS" jump spoofed
  }
  chain spoofed {
    meta nfproto ipv6 counter drop
    ip saddr != $RANGE counter drop
    fib saddr . iif oif missing counter drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "$LINKS" jump from_sandbox
    oifname "$LINKS" jump to_sandbox
  }
  chain from_sandbox {
    oifname "$LINKS" counter reject with icmpx type admin-prohibited
    ip daddr @special counter reject with icmpx type admin-prohibited
    accept
  }
  chain to_sandbox {
    ct state established,related accept
    counter drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "$LINKS" jump to_host
  }
  chain to_host {
    ct state established,related accept
    counter reject with icmpx type admin-prohibited
  }
  chain output {
    type filter hook output priority filter; policy accept;
    oifname "$LINKS" meta nfproto ipv6 drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr $RANGE oifname != "$LINKS" masquerade
  }
}
)";

template <class Blocks>
std::string elements(const Blocks& blocks) {
  std::vector<std::string> texts;
  for (const Ipv4Block& block : blocks) texts.push_back(block.to_string());
  return base::join(texts, ", ");
}

// What is left at its end is accepted.
std::string egress_rules(const EgressPolicy& policy) {
  std::string rules;
  if (!policy.allow.empty()) {
    rules += base::concat("    ip daddr { ", elements(policy.allow), " } accept\n");
  }
  if (policy.deny_internet) return rules + "    goto refuse\n";
  if (!policy.deny.empty()) {
    rules += base::concat("    ip daddr { ", elements(policy.deny), " } goto refuse\n");
  }
  return rules;
}

}  // namespace

std::string slot_rules(const EgressPolicy& policy) {
  return fill(kSlotRules, {{"$UPLINK", std::string(kUplinkName)},
                           {"$TAP", std::string(kTapName)},
                           {"$GUEST", kGuestAddress.to_string()},
                           {"$SPECIAL", elements(base::kSpecialBlocks)},
                           {"$DENIED_PORTS", std::string(kDeniedPortsSet)},
                           {"$DENIED_OTHERS", std::string(kDeniedOthersSet)},
                           {"$MAX_DENIALS", base::concat(kMaxDenials)},
                           {"$KEPT", base::concat(kDenialsKept.count(), 's')},
                           {"$EGRESS", egress_rules(policy)}});
}

std::string list_slot_rules() {
  return "list table ip wrenn";
}

std::string host_rules(const InstallTag& tag, SlotRange range) {
  return fill(kHostRules, {{"$TABLE", tag.table()},
                           {"$SPECIAL", elements(base::kSpecialBlocks)},
                           {"$LINKS", base::concat(tag.link_prefix(), "*")},
                           {"$RANGE", range.to_string()}});
}

std::string remove_host_rules(const InstallTag& tag) {
  return fill("table inet $TABLE\ndelete table inet $TABLE\n", {{"$TABLE", tag.table()}});
}

}  // namespace wrenn::hostnet
