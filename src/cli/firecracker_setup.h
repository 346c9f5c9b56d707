// Installing Firecracker: from a file, or from a release of its project.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::cli {

// Where its project keeps releases; WRENN_FIRECRACKER_RELEASES names another place.
inline constexpr std::string_view kFirecrackerReleases =
    "https://github.com/firecracker-microvm/firecracker/releases/download";

struct InstalledProgram {
  base::Path path;
  std::string version;  // "1.13.1"
  std::string sha256;
};

// The version that `--version` of this program names first: "Firecracker v1.13.1" and other lines.
// Empty when it is not `name` who speaks. Pure.
std::string version_said(std::string_view output, std::string_view name);
// The checksum of the file in what sha256sum(1) writes: "HEX  FILE". Empty when it is not there.
std::string checksum_in(std::string_view text, std::string_view file);

// Makes `file` PREFIX/bin/firecracker: root's, mode 0755, whole or not at all, after it has shown
// to be a program for x86-64 that says it is Firecracker. `sha256`: what it must have, empty for
// anything. It is run once, without privileges, in a jail. Blocking.
base::Result<InstalledProgram> install_firecracker(const base::Path& file, std::string_view sha256,
                                                   const base::Path& prefix);

struct ReleaseRequest {
  std::string version;  // "1.13.1" or "v1.13.1"
  std::string sha256;   // Of the archive; empty: what lies beside it says.
  std::string url = std::string(kFirecrackerReleases);
  base::Path prefix;
};
// Downloads the archive of that release, checks it, and installs firecracker and jailer. Blocking:
// minutes.
base::Result<std::vector<InstalledProgram>> install_firecracker_release(
    const ReleaseRequest& request);

}  // namespace wrenn::cli
