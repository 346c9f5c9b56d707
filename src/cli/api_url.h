// The address of an API as people write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::cli {

struct ApiUrl {
  std::string host;  // A name or an address, IPv6 without brackets.
  std::uint16_t port = 80;
  std::string base_path;  // "" or "/prefix", without a slash at the end.

  // "http://host[:port][/prefix]". kInvalidArgument for anything else, with what to write instead.
  static base::Result<ApiUrl> parse(std::string_view text);
  // For the Host field: "host:port".
  std::string authority() const;
  // True for this machine's loopback.
  bool is_loopback() const;
};

// Where a client on the same machine reaches a server that listens on `endpoint`, e.g.
// "0.0.0.0:8080" -> "http://127.0.0.1:8080". kInvalidArgument when it is no TCP address with a
// port.
base::Result<std::string> url_of_listener(std::string_view endpoint);

}  // namespace wrenn::cli
