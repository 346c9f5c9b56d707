// Codec: the two encodings of a message on the wire, JSON and binary. Pure and thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace google::protobuf {
class Message;
}

namespace wrenn::connect {

using Message = google::protobuf::Message;

enum class Codec { kJson, kProto };
enum class CallKind { kUnary, kStream };

// A method without side effects may be called with GET.
enum class SideEffects { kPossible, kNone };

struct ContentType {
  Codec codec = Codec::kProto;
  CallKind kind = CallKind::kUnary;
  bool operator==(const ContentType&) const = default;
};

// "application/connect+json" and its three siblings; parameters such as a charset are ignored.
std::optional<ContentType> parse_content_type(std::string_view value);
std::string_view content_type_name(ContentType type);
// "json" or "proto".
std::string_view codec_name(Codec codec);
std::optional<Codec> parse_codec(std::string_view name);

// What the proto file says of the method "/package.Service/Method"; kPossible for an unknown one.
SideEffects side_effects_of(std::string_view path);

// Fails (kInternal) only for a message that cannot be written as JSON, e.g. text that is not UTF-8.
base::Result<std::string> encode(const Message& message, Codec codec);
// The same, appended to `out`.
base::Result<void> append_encoded(const Message& message, Codec codec, std::string& out);
// The same bytes for equal messages, in one build of the program: for addresses that are cached.
base::Result<std::string> encode_stable(const Message& message, Codec codec);
// Replaces the content of `message`. kInvalidArgument for bytes that do not fit it. Unknown fields
// are ignored.
base::Result<void> decode(std::string_view bytes, Codec codec, Message& message);

}  // namespace wrenn::connect
