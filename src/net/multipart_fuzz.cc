// However the pieces fall, the parser says the same; and it never says more than it was given.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/multipart.h"

namespace {

using wrenn::net::MultipartEvent;
using wrenn::net::MultipartParser;
using Kind = MultipartEvent::Kind;

std::string parse(std::string_view body, std::size_t step) {
  MultipartParser parser("b");
  std::string out;
  while (true) {
    const auto event = parser.next();
    if (!event) return out + "\x01";
    switch (event->kind) {
      case Kind::kNeedInput:
        if (body.empty()) return out;
        parser.feed(body.substr(0, step));
        body.remove_prefix(std::min(step, body.size()));
        break;
      case Kind::kPart:
        out += event->part.name + event->part.filename.value_or("");
        break;
      case Kind::kData:
        if (event->data.empty()) std::abort();
        out += event->data;
        break;
      case Kind::kPartEnd:
        break;
      case Kind::kEnd:
        return out + "\x02";
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const std::string whole = parse(body, size + 1);
  if (whole.size() > size + 1) std::abort();
  const std::string pieces = parse(body, 3);
  // Data before a defect may be told or not, depending on where the pieces end.
  const bool failed = whole.ends_with('\x01') || pieces.ends_with('\x01');
  if (!failed && whole != pieces) std::abort();
  (void)wrenn::net::multipart_boundary(body);
  return 0;
}
