// The file of a snapshot, which may come from object storage.
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/fd.h"
#include "storage/dm/exception_store.h"
#include "storage/file_range.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn;
  const base::Fd file(::memfd_create("store", MFD_CLOEXEC));
  const base::Fd merged(::memfd_create("merged", MFD_CLOEXEC));
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!file.valid() || !merged.valid() || !storage::write_at(file.get(), bytes, 0)) std::abort();
  const auto read = storage::dm::read_store(file.get());
  if (!read) return 0;
  if (read->size() > size / 16) std::abort();
  // What can be read can be merged, and is the same then.
  if (!storage::dm::merge_stores({file.get()}, merged.get())) std::abort();
  const auto again = storage::dm::read_store(merged.get());
  if (!again || again->size() > read->size()) std::abort();
  return 0;
}
