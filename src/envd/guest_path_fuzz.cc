// Any text and home: a path that is absolute, normal and free of NUL bytes, or a clear refusal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "envd/guest_path.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // Before the first newline: where relative paths start.
  const std::size_t end = input.find('\n');
  const std::string_view directory = end == input.npos ? std::string_view() : input.substr(0, end);
  const std::string_view text = end == input.npos ? input : input.substr(end + 1);
  const wrenn::base::Path start = wrenn::base::Path("/") / directory;
  const auto path = wrenn::envd::resolve_path(text, "/home/user", start);
  if (!path) return path.error().message.empty() ? (std::abort(), 0) : 0;
  const std::string& native = path->native();
  if (!native.starts_with('/') || (native.size() > 1 && native.ends_with('/'))) std::abort();
  if ((native + "/").find("/../") != std::string::npos) std::abort();
  if (directory.find('\0') == directory.npos && native.find('\0') != std::string::npos) {
    std::abort();
  }
  return 0;
}
