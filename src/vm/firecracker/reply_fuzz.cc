// Whatever a hypervisor that was broken into answers: what is taken from it is what we promise.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vm/firecracker/reply.h"

using namespace wrenn::vm;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view reply(reinterpret_cast<const char*>(data), size);
  for (const char c : firecracker::fault_in(reply)) {
    if (c < ' ' || c > '~') std::abort();
  }
  (void)firecracker::instance_state_in(reply);
  (void)firecracker::version_reply_in(reply);
  const auto config = firecracker::vm_config_in(reply);
  if (config && !firecracker::is_disk_name(config->disk_file)) std::abort();
  return 0;
}
