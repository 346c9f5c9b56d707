// Whatever the fields of a request for a file say, what is sent lies within the file.
#include <cstdlib>

#include "envd/files/accept_encoding.h"
#include "envd/files/byte_range.h"
#include "envd/files/validators.h"

using wrenn::envd::RangeChoice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::uint64_t file_size :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{1} << 62}) {
    const RangeChoice choice = wrenn::envd::choose_range(text, file_size);
    if (choice.kind != RangeChoice::Kind::kPart) continue;
    if (choice.length == 0 || choice.offset >= file_size) std::abort();
    if (choice.length > file_size - choice.offset) std::abort();
  }
  if (const auto time = wrenn::envd::parse_http_date(text)) {
    if (wrenn::envd::parse_http_date(wrenn::envd::http_date(*time)) != *time) std::abort();
  }
  if (!wrenn::net::is_field_value(text)) return 0;
  const wrenn::envd::Validators current{"\"a\"", 0};
  for (const char* name : {"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
                           "If-Range", "Accept-Encoding"}) {
    const auto headers = wrenn::net::Headers().with(name, text);
    (void)check_conditions(headers, current);
    (void)range_applies(headers, current);
    const auto accepted = wrenn::envd::accepted_encodings(headers);
    if (accepted.gzip < 0 || accepted.gzip > 1000) std::abort();
    if (accepted.identity < 0 || accepted.identity > 1000) std::abort();
  }
  return 0;
}
