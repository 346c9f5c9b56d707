// A query is refused or read; written again, it reads the same.
#include <cstdlib>

#include "base/strings.h"
#include "envd/http_reply.h"

using wrenn::base::percent_encode;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto query =
      wrenn::envd::parse_query(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!query) return 0;
  std::string text;
  for (const auto& [name, value] : *query) {
    if (!text.empty()) text += '&';
    text += percent_encode(name) + "=" + percent_encode(value);
  }
  const auto again = wrenn::envd::parse_query(text);
  if (!again || *again != *query) std::abort();
  return 0;
}
