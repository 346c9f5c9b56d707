// Which hypervisor the sandboxes of this host run under, and why.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::agent {

enum class HypervisorKind { kQemu, kFirecracker };
std::string_view hypervisor_name(HypervisorKind kind);  // "qemu", "firecracker": as in manifests.

// What was asked for.
struct HypervisorWish {
  std::optional<HypervisorKind> kind;  // Nothing: the best that works.
  base::Path firecracker = "/usr/local/bin/firecracker";
  bool huge_pages = false;  // With Firecracker: guests have pages of 2 MiB.
};

// What was found.
struct HypervisorFacts {
  bool has_kvm = false;            // A guest has booted with it.
  std::string why_no_raw_disks;    // Empty where disks can be raw and yet share what is the same.
  std::string firecracker;         // Its version; empty when there is none to use,
  std::string why_no_firecracker;  // and then this says why.
  // The names of those under which sandboxes run at this moment.
  std::set<std::string> running;
};

struct HypervisorChoice {
  HypervisorKind kind = HypervisorKind::kQemu;
  std::string explanation;  // For people.
};

// Firecracker where it is installed and can do what a sandbox needs, and QEMU elsewhere; but while
// sandboxes run, what they run under. kFailedPrecondition with a remedy when what was asked for
// cannot be. Pure.
base::Result<HypervisorChoice> choose_hypervisor(const HypervisorWish& wish,
                                                 const HypervisorFacts& facts);

}  // namespace wrenn::agent
