// Any bytes as the text of /proc/net/tcp and as an answer of sock_diag: bounded and never read
// past.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "envd/ports/listening_sockets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::envd;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto from_proc = parse_proc_net_tcp(input);
  if (from_proc.size() > kMaxListeningSockets) std::abort();
  for (const ListeningSocket& socket : from_proc) {
    if (IpAddress::parse(socket.address.to_string()) != socket.address) std::abort();
  }
  std::vector<ListeningSocket> from_diag;
  const auto end = parse_sock_diag(input, 1, from_diag);
  if (!end && end.error().message.empty()) std::abort();
  return 0;
}
