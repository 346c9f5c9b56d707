#include "bench/envd/event_reader.h"

#include <charconv>

#include "connect/envelope.h"
#include "proto/process.pb.h"

namespace wrenn::bench {
namespace {

Event read_proto(std::string_view bytes) {
  process::StartResponse response;
  if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  const auto& event = response.event();
  if (event.has_start()) return {.kind = EventKind::kStart, .pid = event.start().pid()};
  if (event.has_end()) return {.kind = EventKind::kEnd, .exit_code = event.end().exit_code()};
  if (!event.has_data()) return {};
  const auto& data = event.data();
  return {.kind = EventKind::kData,
          .output_bytes = data.stdout().size() + data.stderr().size() + data.pty().size()};
}

template <class Number>
Number number_after(std::string_view json, std::string_view key) {
  Number value{};
  std::size_t at = json.find(key);
  if (at == std::string_view::npos) return value;
  at = json.find_first_of("-0123456789", at + key.size());
  if (at == std::string_view::npos) return value;
  std::from_chars(json.data() + at, json.data() + json.size(), value);
  return value;
}

// {"event":{"data":{"stdout":"BASE64"}}}, with or without spaces.
std::size_t output_size(std::string_view json) {
  const std::size_t last = json.rfind('"');
  const std::size_t first = json.rfind('"', last - 1);
  const std::string_view text = json.substr(first + 1, last - first - 1);
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  return text.size() / 4 * 3 - padding;
}

Event read_json(std::string_view json) {
  // Output is base64 and has no quotes: the kind stands in the first few characters.
  const std::string_view head = json.substr(0, 40);
  if (head.find("\"data\"") != std::string_view::npos)
    return {.kind = EventKind::kData, .output_bytes = output_size(json)};
  if (head.find("\"start\"") != std::string_view::npos)
    return {.kind = EventKind::kStart, .pid = number_after<std::uint32_t>(json, "\"pid\"")};
  if (head.find("\"end\"") != std::string_view::npos)
    return {.kind = EventKind::kEnd, .exit_code = number_after<std::int32_t>(json, "\"exitCode\"")};
  return {};
}

std::size_t length_of(std::string_view head) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < connect::kEnvelopeHeadSize; ++i)
    length = length << 8 | static_cast<unsigned char>(head[i]);
  return length;
}

Event read_end(std::string_view json) {
  const bool failed = json.find("\"error\"") != std::string_view::npos;
  return {.kind = EventKind::kEndOfStream, .error = failed ? std::string(json) : std::string()};
}

}  // namespace

std::optional<Event> EventReader::next() {
  const std::string_view waiting = std::string_view(bytes_).substr(used_);
  const bool has_head = waiting.size() >= connect::kEnvelopeHeadSize;
  const std::size_t size = has_head ? connect::kEnvelopeHeadSize + length_of(waiting) : 0;
  if (!has_head || waiting.size() < size) {
    bytes_.erase(0, used_);
    used_ = 0;
    return std::nullopt;
  }
  used_ += size;
  const auto flags = static_cast<std::uint8_t>(waiting[0]);
  const std::string_view data =
      waiting.substr(connect::kEnvelopeHeadSize, size - connect::kEnvelopeHeadSize);
  if ((flags & connect::kEndOfStreamFlag) != 0) return read_end(data);
  return codec_ == connect::Codec::kProto ? read_proto(data) : read_json(data);
}

}  // namespace wrenn::bench
