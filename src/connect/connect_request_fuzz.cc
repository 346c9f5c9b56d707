// A whole request, head and body: what the router makes of it before a method is called.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "connect/call_head.h"
#include "proto/process.pb.h"

namespace {

using namespace wrenn::connect;

constexpr std::size_t kLimit = 1 << 16;

void try_as(const wrenn::net::RequestHead& head, std::string_view body, CallKind kind,
            SideEffects effects) {
  auto call = match_call(head, kind, effects);
  if (!call) {
    if (call.error().status < 400) std::abort();
    return;
  }
  if (!read_terms(head, VersionRule::kOptional, *call)) return;
  const std::string_view bytes = call->is_get ? std::string_view(call->get_message) : body;
  const auto message = decompress(bytes, call->received, kLimit);
  if (!message) return;
  process::StartRequest request;
  static_cast<void>(decode(*message, call->codec, request));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::size_t scanned = 0;
  const auto end = wrenn::net::find_head_end(bytes, scanned);
  if (!end) return 0;
  const auto head = wrenn::net::HeadParser::parse_request(bytes.substr(0, *end), {});
  if (!head) return 0;
  static_cast<void>(side_effects_of(head->path()));
  try_as(*head, bytes.substr(*end), CallKind::kUnary, SideEffects::kNone);
  try_as(*head, bytes.substr(*end), CallKind::kStream, SideEffects::kPossible);
  return 0;
}
