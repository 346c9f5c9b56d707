// Whatever stands in a list of a policy, and whatever nftables might list: parsing answers, and a
// block that is accepted is the same when it is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hostnet/denials.h"
#include "hostnet/policy.h"

using namespace wrenn::hostnet;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto block = Ipv4Block::parse(text)) {
    const auto again = Ipv4Block::parse(block->to_string());
    if (!again || *again != *block) std::abort();
  }
  (void)parse_denials(text, 0);
  return 0;
}
