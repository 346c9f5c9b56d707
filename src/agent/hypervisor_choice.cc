#include "agent/hypervisor_choice.h"

#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// Empty when it can be used.
std::string objection_to_firecracker(const HypervisorFacts& facts) {
  if (facts.firecracker.empty()) return facts.why_no_firecracker;
  if (!facts.has_kvm) return "Firecracker needs KVM, which does not work here";
  if (!facts.why_no_raw_disks.empty()) {
    return concat("Firecracker needs raw disks: ", facts.why_no_raw_disks);
  }
  return {};
}

std::string remedy_for(const HypervisorFacts& facts) {
  if (facts.firecracker.empty()) return "install it (wrenn setup firecracker), or use qemu";
  if (!facts.has_kvm) return "use a machine with KVM, or use qemu";
  return "put $WRENN_DIR on XFS or btrfs, use a kernel with device-mapper, or use qemu";
}

std::string list_of(const std::set<std::string>& names) {
  return base::join({names.begin(), names.end()}, ", ");
}

Result<HypervisorChoice> choose(const HypervisorWish& wish, const HypervisorFacts& facts) {
  const std::string objection = objection_to_firecracker(facts);
  if (wish.kind == HypervisorKind::kQemu) {
    return HypervisorChoice{HypervisorKind::kQemu, "QEMU, as was asked for"};
  }
  if (wish.kind == HypervisorKind::kFirecracker) {
    if (objection.empty()) {
      return HypervisorChoice{HypervisorKind::kFirecracker,
                              concat("Firecracker ", facts.firecracker, ", as was asked for")};
    }
    return base::fail(Code::kFailedPrecondition, concat("Firecracker was asked for: ", objection),
                      remedy_for(facts));
  }
  if (objection.empty()) {
    return HypervisorChoice{HypervisorKind::kFirecracker,
                            concat("Firecracker ", facts.firecracker,
                                   ": it is installed, KVM works and disks can be raw")};
  }
  return HypervisorChoice{HypervisorKind::kQemu, concat("QEMU: ", objection)};
}

}  // namespace

std::string_view hypervisor_name(HypervisorKind kind) {
  return kind == HypervisorKind::kQemu ? "qemu" : "firecracker";
}

Result<HypervisorChoice> choose_hypervisor(const HypervisorWish& wish,
                                           const HypervisorFacts& facts) {
  WRENN_TRY_ASSIGN(HypervisorChoice choice, choose(wish, facts));
  const std::string name(hypervisor_name(choice.kind));
  if (facts.running.empty() || facts.running == std::set{name}) return choice;
  const std::string running(*facts.running.begin());
  if (wish.kind || facts.running.size() > 1) {
    return base::fail(
        Code::kFailedPrecondition,
        concat("sandboxes run under ", list_of(facts.running), ", and ", name,
               " cannot take them over"),
        concat("start with --hypervisor ", running, ", pause or destroy them, and change then"));
  }
  HypervisorWish same = wish;
  same.kind = running == hypervisor_name(HypervisorKind::kFirecracker)
                  ? HypervisorKind::kFirecracker
                  : HypervisorKind::kQemu;
  WRENN_TRY_ASSIGN(choice, choose(same, facts));
  choice.explanation = concat(running, ", because sandboxes run under it");
  return choice;
}

}  // namespace wrenn::agent
