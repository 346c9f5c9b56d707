#include "vm/firecracker/version.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;

// Compares below any pre-release of it, too: "1.17.0-dev" is 1.17.0 here.
bool is_at_least(const base::Semver& version, std::string_view oldest) {
  return version >= *base::Semver::parse(oldest);
}

}  // namespace

std::string version_in(std::string_view printed) {
  constexpr std::string_view kDigits = "0123456789";
  printed = printed.substr(0, printed.find('\n'));
  for (auto at = printed.find('v'); at != std::string_view::npos; at = printed.find('v', at + 1)) {
    const std::string_view rest = printed.substr(at + 1);
    std::string_view number = rest.substr(0, rest.find_first_not_of("0123456789."));
    while (number.ends_with('.')) number.remove_suffix(1);
    const bool is_word = at == 0 || printed[at - 1] == ' ';
    if (is_word && !number.empty() && kDigits.contains(number.front())) return std::string(number);
  }
  return {};
}

base::Result<base::Semver> check_version(std::string_view version) {
  const auto parsed = base::Semver::parse(version);
  if (parsed && is_at_least(*parsed, kOldestVersion) && !is_at_least(*parsed, kTooNewVersion)) {
    return *parsed;
  }
  return base::fail(
      Code::kFailedPrecondition, concat("this Firecracker is version '", version, "'"),
      concat("install one from ", kOldestVersion, " on, and before ", kTooNewVersion));
}

Features features_of(const base::Semver& version) {
  return {.free_page_reporting = is_at_least(version, "1.14"),
          .tracks_by_new_name = is_at_least(version, "1.13")};
}

base::Result<void> check_snapshot_format(std::string_view saved, std::string_view ours) {
  const auto then = base::Semver::parse(saved);
  const auto now = base::Semver::parse(ours);
  const auto part = [](const base::Semver& version, std::size_t index) {
    return index < version.parts.size() ? version.parts[index] : 0;
  };
  if (then && now && part(*then, 0) == part(*now, 0) && part(*then, 1) <= part(*now, 1)) return {};
  return base::fail(
      Code::kFailedPrecondition,
      concat("the VM was saved in format ", saved,
             " of Firecracker's snapshots, and the one here reads ", ours),
      "restore it with the Firecracker that saved it, or start it without its memory");
}

}  // namespace wrenn::vm::firecracker
