// Any text as a host or a target: an address that was understood can be written back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/id.h"
#include "base/strings.h"
#include "proxy/address.h"

namespace {

using namespace wrenn;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto path = proxy::parse_path(text); path && *path) {
    check(base::concat(proxy::path_prefix((*path)->address), (*path)->rest) == text);
  }
  if (const auto host = proxy::parse_host(text, "example.com"); host && *host) {
    check(base::is_id(base::kSandboxPrefix, (*host)->sandbox_id));
    const std::string name = base::concat((*host)->port, '-', (*host)->sandbox_id, ".example.com");
    check(base::to_lower(text).starts_with(name));
  }
  return 0;
}
