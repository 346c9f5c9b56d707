// The EchoService on a port of the kernel's choice, which it prints; for clients of other origins.
#include <cstdio>

#include "connect/testing/echo_service.h"
#include "net/stream.h"

int main() {
  using namespace wrenn;
  net::Loop loop;
  auto listener = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
  if (!listener) {
    std::fprintf(stderr, "%s\n", listener.error().to_string().c_str());
    return 1;
  }
  connect::echo::EchoService service;
  connect::Router router({.max_message_bytes = 1 << 20});
  service.add_to(router);
  net::HttpServer server(router, {});
  std::printf("port=%d\n", static_cast<int>(listener->port()));
  std::fflush(stdout);
  loop.block_on(server.serve(std::move(*listener)));
  return 0;
}
