// The build arguments that need no ARG, or whose value is known.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "recipe/build_plan.h"

namespace wrenn::recipe {

// These reach the commands of a build without being declared, and are part of no cache key.
inline constexpr std::array<std::string_view, 10> kProxyArgs = {
    "ALL_PROXY",   "all_proxy", "FTP_PROXY",  "ftp_proxy",   "HTTP_PROXY",
    "HTTPS_PROXY", "NO_PROXY",  "http_proxy", "https_proxy", "no_proxy"};

inline bool is_proxy_arg(std::string_view name) {
  return std::ranges::find(kProxyArgs, name) != kProxyArgs.end();
}

// What FROM may use as it is, and a stage after "ARG NAME".
inline Environment platform_args() {
  return {{"BUILDARCH", "amd64"},
          {"BUILDOS", "linux"},
          {"BUILDPLATFORM", "linux/amd64"},
          {"BUILDVARIANT", ""},
          {"TARGETARCH", "amd64"},
          {"TARGETOS", "linux"},
          {"TARGETPLATFORM", "linux/amd64"},
          {"TARGETVARIANT", ""}};
}

}  // namespace wrenn::recipe
