// Any bytes as frames: the same messages however they are cut, within the limit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/strings.h"
#include "net/websocket_frame.h"

namespace {

using namespace wrenn;

void check(bool holds) {
  if (!holds) std::abort();
}

std::string read_all(std::string_view bytes, net::FrameSender sender, std::size_t step) {
  constexpr std::size_t kLimit = 4096;
  net::WebSocketReader reader(sender, kLimit);
  std::string out;
  std::string buffer;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    buffer += bytes.substr(at, step);
    std::string_view left = buffer;
    while (true) {
      const auto message = reader.next(left);
      if (!message) return out + message.error().message;
      if (!*message) break;
      check((*message)->data.size() <= kLimit);
      out += base::concat(static_cast<int>((*message)->kind), ':', (*message)->data, ';');
    }
    buffer = left;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto sender : {net::FrameSender::kClient, net::FrameSender::kServer}) {
    check(read_all(bytes, sender, 1) == read_all(bytes, sender, size + 1));
  }
  return 0;
}
