#include "connect/codec.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include "base/strings.h"

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
  std::string bytes;
  if (codec == Codec::kProto) {
    if (message.SerializeToString(&bytes)) return bytes;
    return base::fail(Code::kInternal, "a message cannot be encoded");
  }
  const auto status = google::protobuf::util::MessageToJsonString(message, &bytes);
  if (status.ok()) return bytes;
  return base::fail(Code::kInternal,
                    base::concat("a message cannot be written as JSON: ", status.ToString()));
}

base::Result<void> decode(std::string_view bytes, Codec codec, Message& message) {
  message.Clear();
  if (codec == Codec::kProto) {
    if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
    return base::fail(
        Code::kInvalidArgument,
        base::concat("the bytes are not a ", message.GetDescriptor()->full_name(), " message"));
  }
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(bytes.data(), bytes.size()), &message, options);
  if (status.ok()) return {};
  const std::string_view reason(status.message().data(), status.message().size());
  return base::fail(Code::kInvalidArgument,
                    base::concat("the text is not JSON for ", message.GetDescriptor()->full_name(),
                                 ": ", reason));
}

}  // namespace wrenn::connect
