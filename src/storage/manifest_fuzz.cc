// Whatever stands in a manifest file: parsing answers, and what it accepts survives a round trip.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/checkpoint_manifest.h"
#include "storage/manifest.h"

using namespace wrenn::storage;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto m = parse_sandbox_manifest(text); m && !parse_sandbox_manifest(to_json(*m))) {
    std::abort();
  }
  if (auto m = parse_template_manifest(text); m && !parse_template_manifest(to_json(*m))) {
    std::abort();
  }
  if (auto m = parse_checkpoint_manifest(text); m && !parse_checkpoint_manifest(to_json(*m))) {
    std::abort();
  }
  return 0;
}
