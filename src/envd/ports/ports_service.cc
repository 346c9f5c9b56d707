#include "envd/ports/ports_service.h"

namespace wrenn::envd {
namespace {

template <class Response>
Response make_response(const std::vector<PortEntry>& entries) {
  Response response;
  for (const PortEntry& entry : entries) {
    auto& port = *response.add_ports();
    port.set_port(entry.port);
    for (const IpAddress& address : entry.addresses) port.add_addresses(address.to_string());
    port.set_reachable(entry.is_reachable);
    port.set_relayed(entry.is_relayed);
  }
  return response;
}

}  // namespace

void PortsService::add_to(connect::Router& router) {
  router.unary("/ports.Ports/List", *this, &PortsService::list);
  router.stream("/ports.Ports/Watch", *this, &PortsService::watch);
}

PortsService::Reply<ports::ListResponse> PortsService::list(connect::CallContext&,
                                                            const ports::ListRequest&) {
  co_return make_response<ports::ListResponse>(watch_.ports());
}

PortsService::Reply<void> PortsService::watch(connect::CallContext&, const ports::WatchRequest&,
                                              connect::StreamWriter<ports::WatchResponse>& out) {
  while (true) {
    const std::uint64_t sent = watch_.version();
    WRENN_CO_TRY(co_await out.write(make_response<ports::WatchResponse>(watch_.ports())));
    WRENN_CO_TRY(co_await watch_.wait_change(sent));
  }
}

}  // namespace wrenn::envd
