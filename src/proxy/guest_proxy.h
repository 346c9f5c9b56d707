// GuestProxy: the proxy on a host. Takes /proxy/{sandbox id}/{port}/... from the control plane and
// hands it to the port inside the sandbox; /tunnel/{sandbox id}/{port} likewise, for any protocol.
#pragma once

#include "net/http_server.h"
#include "proxy/address.h"
#include "proxy/guest.h"

namespace wrenn::proxy {

// For the data plane's loop. Whoever can call it is trusted with every sandbox: the listener sees
// to who that is. Port 49983 alone asks for the sandbox's own token.
class GuestProxy final : public net::HttpHandler {
 public:
  explicit GuestProxy(GuestTable& guests) : guests_(guests) {}
  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;

 private:
  enum class Kind { kHttp, kTunnel };
  net::Task<base::Result<void>> carry_out(net::Request& request, net::ResponseWriter& response);
  net::Task<Outcome> serve(net::Request& request, net::ResponseWriter& response,
                           const PathAddress& place, Kind kind);
  net::Task<Outcome> exchange(net::Request& request, net::ResponseWriter& response,
                              std::string_view rest, GuestPort& port);
  net::Task<Outcome> carry(net::Request& request, net::ResponseWriter& response, GuestPort& port);

  GuestTable& guests_;
};

// What of envd may be asked for from outside: nullopt when this may. Its own token opens the rest
// of it, but for what only the host may do. Pure.
std::optional<Fault> refuse_envd(const net::RequestHead& request, std::string_view rest,
                                 const Guest& guest);

}  // namespace wrenn::proxy
