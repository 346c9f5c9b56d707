#include "connect/codec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
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

std::string_view codec_name(Codec codec) {
  return codec == Codec::kJson ? "json" : "proto";
}

std::optional<Codec> parse_codec(std::string_view name) {
  if (name == "json") return Codec::kJson;
  if (name == "proto") return Codec::kProto;
  return std::nullopt;
}

SideEffects side_effects_of(std::string_view path) {
  std::string name(path.substr(std::min<std::size_t>(1, path.size())));
  if (const std::size_t slash = name.find('/'); slash != std::string::npos) name[slash] = '.';
  const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  using google::protobuf::MethodOptions;
  const bool has_none =
      method != nullptr && method->options().idempotency_level() == MethodOptions::NO_SIDE_EFFECTS;
  return has_none ? SideEffects::kNone : SideEffects::kPossible;
}

base::Result<void> append_encoded(const Message& message, Codec codec, std::string& out) {
  if (codec == Codec::kProto) {
    if (message.AppendToString(&out)) return {};
    return base::fail(Code::kInternal, "a message cannot be encoded");
  }
  return append_json(message, out);
}

base::Result<std::string> encode(const Message& message, Codec codec) {
  std::string bytes;
  WRENN_TRY(append_encoded(message, codec, bytes));
  return bytes;
}

base::Result<std::string> encode_stable(const Message& message, Codec codec) {
  if (codec == Codec::kJson) return encode(message, codec);
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    if (!message.SerializeToCodedStream(&coded)) {
      return base::fail(Code::kInternal, "a message cannot be encoded");
    }
  }
  return bytes;
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
