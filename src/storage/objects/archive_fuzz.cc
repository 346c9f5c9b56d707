// What object storage answers: lists, manifests and blobs are not trusted.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "storage/objects/archive.h"
#include "storage/objects/blob.h"
#include "storage/objects/s3_store.h"

using namespace wrenn;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)storage::parse_listing(text);
  if (auto manifest = storage::parse_archive_manifest(text);
      manifest && !storage::parse_archive_manifest(storage::to_json(*manifest))) {
    std::abort();
  }
  constexpr std::uint64_t kMost = 1 << 20;
  const base::Fd blob(::memfd_create("blob", MFD_CLOEXEC));
  const base::Fd file(::memfd_create("file", MFD_CLOEXEC));
  if (!base::write_all(blob.get(), text)) std::abort();
  (void)storage::read_unnamed_blob(blob.get(), file.get(), {}, kMost);
  const base::Secret key(std::string(32, 'k'));
  (void)storage::read_unnamed_blob(blob.get(), file.get(), key, kMost);
  return 0;
}
