// The JSON form of protobuf messages (https://protobuf.dev/programming-guides/json): written and
// read through reflection in one pass over the text. It takes the place of protobuf's own
// converter, which goes through a second description of every type and the binary form: several
// times slower, a good part of the guest agent's size, and in a guest under emulation about 100 ms
// for the first message.
//
// Of the well-known types: Timestamp, Duration, Struct, Value, ListValue and the wrappers; Any and
// FieldMask are kUnimplemented. The reader meets hostile bytes and is fuzzed. Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace google::protobuf {
class Message;
}

namespace wrenn::connect {

inline constexpr int kMaxJsonDepth = 100;

// Fields without a value are left out, names are lowerCamelCase. kInternal for a message that has
// no JSON form: text that is not UTF-8, a time out of range, nesting beyond kMaxJsonDepth.
base::Result<std::string> write_json(const google::protobuf::Message& message);
// The same, added to `out`; after an error what was added is not to be used.
base::Result<void> append_json(const google::protobuf::Message& message, std::string& out);

// Adds to `message`, which the caller has cleared. Fields nobody knows are skipped; names may be
// lowerCamelCase or as in the proto file. kInvalidArgument names the field and what is wrong with
// it.
base::Result<void> read_json(std::string_view text, google::protobuf::Message& message);

}  // namespace wrenn::connect
