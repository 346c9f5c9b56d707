// The header of a disk that a VM may have written to.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/qcow2.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace qcow2 = wrenn::storage::qcow2;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)qcow2::virtual_bytes(bytes);
  if (const auto name = qcow2::backing_name(bytes); name && name->size() > qcow2::kMaxBackingName) {
    std::abort();
  }
  return 0;
}
