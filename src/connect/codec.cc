#include "connect/codec.h"

#include <google/protobuf/message.h>

#include "base/strings.h"
#include "connect/json.h"

namespace wrenn::connect {
namespace {

using base::Code;

constexpr std::string_view kUnaryJson = "application/json";
constexpr std::string_view kUnaryProto = "application/proto";
constexpr std::string_view kStreamJson = "application/connect+json";
constexpr std::string_view kStreamProto = "application/connect+proto";

}  // namespace

std::optional<ContentType> parse_content_type(std::string_view value) {
  const std::string_view type = base::trim(value.substr(0, value.find(';')));
  for (const auto kind : {CallKind::kUnary, CallKind::kStream}) {
    for (const auto codec : {Codec::kJson, Codec::kProto}) {
      const ContentType candidate{codec, kind};
      if (base::equal_ignore_case(type, content_type_name(candidate))) return candidate;
    }
  }
  return std::nullopt;
}

std::string_view content_type_name(ContentType type) {
  if (type.kind == CallKind::kUnary) {
    return type.codec == Codec::kJson ? kUnaryJson : kUnaryProto;
  }
  return type.codec == Codec::kJson ? kStreamJson : kStreamProto;
}

base::Result<std::string> encode(const Message& message, Codec codec) {
  if (codec == Codec::kProto) {
    std::string bytes;
    if (message.SerializeToString(&bytes)) return bytes;
    return base::fail(Code::kInternal, "a message cannot be encoded");
  }
  return write_json(message);
}

base::Result<void> decode(std::string_view bytes, Codec codec, Message& message) {
  message.Clear();
  if (codec == Codec::kProto) {
    if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
    return base::fail(
        Code::kInvalidArgument,
        base::concat("the bytes are not a ", message.GetDescriptor()->full_name(), " message"));
  }
  return read_json(bytes, message);
}

}  // namespace wrenn::connect
