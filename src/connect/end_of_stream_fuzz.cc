// The JSON of a stream's last frame and of an error: what was understood survives being written
// again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "connect/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::connect;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto error = parse_error_json(bytes, wrenn::base::Code::kUnknown)) {
    const auto again = parse_error_json(error_json(*error));
    if (!again || again->code != error->code || again->message != error->message) std::abort();
    if (again->details.size() != error->details.size()) std::abort();
  }
  if (const auto end = parse_end_of_stream(bytes)) {
    const auto* error = end->error ? &*end->error : nullptr;
    const auto again = parse_end_of_stream(end_of_stream_json(error, end->metadata));
    if (!again || again->error.has_value() != end->error.has_value()) std::abort();
    if (again->metadata.size() != end->metadata.size()) std::abort();
  }
  return 0;
}
