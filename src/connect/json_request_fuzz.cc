// The JSON of a real request: what was understood survives being written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "connect/codec.h"
#include "proto/process.pb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::connect;
  process::StartRequest request;
  if (!decode({reinterpret_cast<const char*>(data), size}, Codec::kJson, request)) return 0;
  const auto json = encode(request, Codec::kJson);
  if (!json) return 0;
  process::StartRequest again;
  if (!decode(*json, Codec::kJson, again)) std::abort();
  const auto bytes = encode_stable(request, Codec::kProto);
  const auto bytes_again = encode_stable(again, Codec::kProto);
  if (bytes.value_or("") != bytes_again.value_or("")) std::abort();
  return 0;
}
