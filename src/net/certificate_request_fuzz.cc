// Requests for a certificate come from whoever has a registration token, or believes to.
#include <cstddef>
#include <cstdint>

#include "net/certificates.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::net;
  constexpr Validity kValidity{1'700'000'000, 1'800'000'000};
  static const Authority authority = *make_authority("fuzzing", kValidity);
  const auto signed_by_us =
      sign_certificate_request({reinterpret_cast<const char*>(data), size}, authority,
                               {.common_name = "host", .uri = "wrenn:host:1"}, kValidity);
  if (signed_by_us && !read_certificate(*signed_by_us)) __builtin_trap();
  return 0;
}
