// What is taken for certificates is taken again unchanged, and a bundle keeps one copy of them.
#include <cstdlib>

#include "envd/guest/ca_bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto certificates = wrenn::envd::read_certificates(text);
  if (certificates && wrenn::envd::read_certificates(*certificates).value_or("") != *certificates) {
    std::abort();
  }
  const std::string added = certificates.value_or("x\n");
  const std::string bundle = wrenn::envd::bundle_with("system\n", added);
  if (wrenn::envd::bundle_with(bundle, added) != bundle) std::abort();
  (void)wrenn::envd::bundle_with(text, added);
  return 0;
}
