// Where the proxy to ports of sandboxes is, as the rest of the world sees it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "proxy/address.h"

namespace wrenn::control {

// As they were given.
struct ProxyOptions {
  std::string listen = "127.0.0.1:8081";  // ":8081" means every interface.
  std::string domain;                     // Empty: the host of `url`, or else "localhost".
  std::string url;                        // Empty: http, and the port it listens on.
};

// Pure and thread-safe.
struct ProxySettings {
  std::string scheme;            // "http" or "https".
  std::string domain;            // Of the host form; empty where there is none.
  std::string authority_suffix;  // ":8081"; empty for the scheme's own port.
  std::string path_host;         // Of the path form: a name or an address.

  // `address`: where it listens, with the port: "127.0.0.1:8081". kInvalidArgument, naming the
  // option, for a URL with anything but scheme, host and port, and for a domain that is none.
  static base::Result<ProxySettings> create(const ProxyOptions& options, std::string_view address);

  // "http://127.0.0.1:8081": of the path form, without a slash at the end.
  std::string origin() const;
  // "http://3000-cl-….localhost:8081/"; the path form where there are no names.
  std::string host_url(const proxy::PortAddress& address) const;
  // "http://127.0.0.1:8081/proxy/cl-…/3000/".
  std::string path_url(const proxy::PortAddress& address) const;
};

}  // namespace wrenn::control
