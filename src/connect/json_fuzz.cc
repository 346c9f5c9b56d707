// Any text: read or refused; and what was read is the same after it was written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <google/protobuf/struct.pb.h>

#include "connect/json.h"
#include "proto/envd.pb.h"
#include "proto/filesystem.pb.h"
#include "proto/process.pb.h"

namespace {

template <class M>
void check(std::string_view text) {
  M first;
  if (!wrenn::connect::read_json(text, first)) return;
  const auto written = wrenn::connect::write_json(first);
  // A time may be beyond what its text can say; everything else has a form.
  if (!written) return;
  M second;
  if (!wrenn::connect::read_json(*written, second)) std::abort();
  if (wrenn::connect::write_json(second)->size() != written->size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check<process::StartRequest>(text);
  check<process::StreamInputRequest>(text);
  check<filesystem::EntryInfo>(text);
  check<envd::InitRequest>(text);
  check<google::protobuf::Value>(text);
  return 0;
}
