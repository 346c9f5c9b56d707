#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "base/json_text.h"
#include "base/rfc3339.h"
#include "base/strings.h"
#include "connect/json.h"

namespace wrenn::connect {
namespace {

using base::Code;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53

// Years 1 to 9999, as the JSON form of a Timestamp demands.
constexpr std::int64_t kFirstSecond = -62'135'596'800;
constexpr std::int64_t kLastSecond = 253'402'300'799;
constexpr std::int64_t kLongestDuration = 315'576'000'000;
constexpr std::int32_t kNanosPerSecond = 1'000'000'000;

// Appends to one text; the first error ends it.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  base::Result<void> write(const Message& message) {
    if (write_message(message, 0)) return {};
    return base::fail(Code::kInternal, base::concat(message.GetDescriptor()->full_name(),
                                                    " cannot be written as JSON: ", error_));
  }

 private:
  bool write_message(const Message& message, int depth) {
    if (depth > kMaxJsonDepth) return fail("it is nested too deeply");
    const Descriptor& type = *message.GetDescriptor();
    if (type.well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED) {
      return write_well_known(message, type, depth);
    }
    const Reflection& reflection = *message.GetReflection();
    out_ += '{';
    bool is_first = true;
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const bool is_present = field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                                                  : reflection.HasField(message, &field);
      if (!is_present) continue;
      if (!is_first) out_ += ',';
      is_first = false;
      out_ += '"';
      out_ += field.json_name();
      out_ += "\":";
      if (!write_field(message, reflection, field, depth)) return false;
    }
    out_ += '}';
    return true;
  }

  bool write_field(const Message& message, const Reflection& reflection,
                   const FieldDescriptor& field, int depth) {
    if (field.is_map()) return write_map(message, reflection, field, depth);
    if (!field.is_repeated()) return write_value(message, reflection, field, -1, depth);
    return write_list(message, reflection, field, depth);
  }

  bool write_list(const Message& message, const Reflection& reflection,
                  const FieldDescriptor& field, int depth) {
    out_ += '[';
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      if (i > 0) out_ += ',';
      if (!write_value(message, reflection, field, i, depth)) return false;
    }
    out_ += ']';
    return true;
  }

  bool write_map(const Message& message, const Reflection& reflection, const FieldDescriptor& field,
                 int depth) {
    const FieldDescriptor& key = *field.message_type()->map_key();
    const FieldDescriptor& value = *field.message_type()->map_value();
    out_ += '{';
    bool is_first = true;
    for (const Message* entry : sorted_entries(message, reflection, field, key)) {
      const Reflection& parts = *entry->GetReflection();
      if (!is_first) out_ += ',';
      is_first = false;
      if (!write_key(*entry, parts, key)) return false;
      out_ += ':';
      if (!write_value(*entry, parts, value, -1, depth)) return false;
    }
    out_ += '}';
    return true;
  }

  // A map has no order of its own, and the same message is to give the same text every time.
  static std::vector<const Message*> sorted_entries(const Message& message,
                                                    const Reflection& reflection,
                                                    const FieldDescriptor& field,
                                                    const FieldDescriptor& key) {
    std::vector<const Message*> entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      entries.push_back(&reflection.GetRepeatedMessage(message, &field, i));
    }
    if (key.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return entries;
    std::ranges::sort(entries, {}, [&key](const Message* entry) {
      return entry->GetReflection()->GetString(*entry, &key);
    });
    return entries;
  }

  // Keys are text whatever their type.
  bool write_key(const Message& entry, const Reflection& parts, const FieldDescriptor& key) {
    const bool is_text = key.cpp_type() == FieldDescriptor::CPPTYPE_STRING ||
                         key.cpp_type() == FieldDescriptor::CPPTYPE_INT64 ||
                         key.cpp_type() == FieldDescriptor::CPPTYPE_UINT64;
    if (is_text) return write_value(entry, parts, key, -1, 0);
    out_ += '"';
    const bool written = write_value(entry, parts, key, -1, 0);
    out_ += '"';
    return written;
  }

  // `index`: of an element of a repeated field; -1 for a singular one.
  bool write_value(const Message& message, const Reflection& reflection,
                   const FieldDescriptor& field, int index, int depth) {
    const bool is_element = index >= 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        out_ += (is_element ? reflection.GetRepeatedBool(message, &field, index)
                            : reflection.GetBool(message, &field))
                    ? "true"
                    : "false";
        return true;
      case FieldDescriptor::CPPTYPE_INT32:
        return write_number(is_element ? reflection.GetRepeatedInt32(message, &field, index)
                                       : reflection.GetInt32(message, &field));
      case FieldDescriptor::CPPTYPE_UINT32:
        return write_number(is_element ? reflection.GetRepeatedUInt32(message, &field, index)
                                       : reflection.GetUInt32(message, &field));
      case FieldDescriptor::CPPTYPE_INT64:
        return write_quoted(is_element ? reflection.GetRepeatedInt64(message, &field, index)
                                       : reflection.GetInt64(message, &field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return write_quoted(is_element ? reflection.GetRepeatedUInt64(message, &field, index)
                                       : reflection.GetUInt64(message, &field));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return write_real(is_element ? reflection.GetRepeatedFloat(message, &field, index)
                                     : reflection.GetFloat(message, &field));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return write_real(is_element ? reflection.GetRepeatedDouble(message, &field, index)
                                     : reflection.GetDouble(message, &field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return write_enum(field, is_element
                                     ? reflection.GetRepeatedEnumValue(message, &field, index)
                                     : reflection.GetEnumValue(message, &field));
      case FieldDescriptor::CPPTYPE_STRING: {
        std::string scratch;
        const std::string& text =
            is_element ? reflection.GetRepeatedStringReference(message, &field, index, &scratch)
                       : reflection.GetStringReference(message, &field, &scratch);
        return field.type() == FieldDescriptor::TYPE_BYTES ? write_bytes(text) : write_text(text);
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return write_message(is_element ? reflection.GetRepeatedMessage(message, &field, index)
                                        : reflection.GetMessage(message, &field),
                             depth + 1);
    }
    return fail("a field has a type that nobody knows");
  }

  template <class T>
  bool write_number(T value) {
    char buffer[32];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    return true;
  }

  // 64 bits do not fit into the numbers of JavaScript.
  template <class T>
  bool write_quoted(T value) {
    out_ += '"';
    write_number(value);
    out_ += '"';
    return true;
  }

  template <class T>
  bool write_real(T value) {
    if (std::isnan(value)) return write_text("NaN");
    if (std::isinf(value)) return write_text(value > 0 ? "Infinity" : "-Infinity");
    // 13000000000 and not 1.3e+10: some readers take only the first for an integer.
    const bool is_integer = std::trunc(value) == value && std::fabs(value) < kExactIntegers;
    if (is_integer && !std::signbit(value)) return write_number(static_cast<std::int64_t>(value));
    return write_number(value);
  }

  bool write_enum(const FieldDescriptor& field, int number) {
    if (field.enum_type()->full_name() == "google.protobuf.NullValue") {
      out_ += "null";
      return true;
    }
    const auto* value = field.enum_type()->FindValueByNumber(number);
    return value != nullptr ? write_text(value->name()) : write_number(number);
  }

  bool write_bytes(const std::string& bytes) {
    out_ += '"';
    out_ += base::to_base64(bytes);
    out_ += '"';
    return true;
  }

  bool write_text(std::string_view text) {
    if (!base::is_valid_utf8(text)) return fail("a text in it is not UTF-8");
    base::append_json_string(out_, text);
    return true;
  }

  bool write_well_known(const Message& message, const Descriptor& type, int depth) {
    const Reflection& reflection = *message.GetReflection();
    switch (type.well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      case Descriptor::WELLKNOWNTYPE_DURATION: {
        const std::int64_t seconds = reflection.GetInt64(message, type.FindFieldByNumber(1));
        const std::int32_t nanos = reflection.GetInt32(message, type.FindFieldByNumber(2));
        const bool is_time = type.well_known_type() == Descriptor::WELLKNOWNTYPE_TIMESTAMP;
        return is_time ? write_timestamp(seconds, nanos) : write_duration(seconds, nanos);
      }
      case Descriptor::WELLKNOWNTYPE_STRUCT:
        return write_map(message, reflection, *type.FindFieldByNumber(1), depth);
      case Descriptor::WELLKNOWNTYPE_LISTVALUE:
        return write_list(message, reflection, *type.FindFieldByNumber(1), depth);
      case Descriptor::WELLKNOWNTYPE_VALUE: {
        const FieldDescriptor* kind =
            reflection.GetOneofFieldDescriptor(message, type.oneof_decl(0));
        if (kind == nullptr) return fail("a value in it is missing");
        return write_value(message, reflection, *kind, -1, depth);
      }
      case Descriptor::WELLKNOWNTYPE_ANY:
      case Descriptor::WELLKNOWNTYPE_FIELDMASK:
        return fail(base::concat(type.full_name(), " is not supported"));
      default:  // The wrappers of scalars.
        return write_value(message, reflection, *type.FindFieldByNumber(1), -1, depth);
    }
  }

  bool write_timestamp(std::int64_t seconds, std::int32_t nanos) {
    const bool is_valid =
        seconds >= kFirstSecond && seconds <= kLastSecond && nanos >= 0 && nanos < kNanosPerSecond;
    if (!is_valid) return fail("a time in it is out of range");
    return write_text(base::format_rfc3339(seconds, nanos));
  }

  bool write_duration(std::int64_t seconds, std::int32_t nanos) {
    const bool is_valid = std::abs(seconds) <= kLongestDuration &&
                          std::abs(nanos) < kNanosPerSecond &&
                          (seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0));
    if (!is_valid) return fail("a duration in it is out of range");
    const bool is_negative = seconds < 0 || nanos < 0;
    std::string text = base::concat(is_negative ? "-" : "", std::abs(seconds));
    if (nanos != 0) {
      std::string digits = base::concat(kNanosPerSecond + std::abs(nanos));
      while (digits.ends_with("000")) digits.resize(digits.size() - 3);
      text += base::concat('.', std::string_view(digits).substr(1));
    }
    return write_text(text + "s");
  }

  bool fail(std::string_view error) {
    error_ = error;
    return false;
  }

  std::string& out_;
  std::string error_;
};

}  // namespace

base::Result<std::string> write_json(const Message& message) {
  std::string out;
  WRENN_TRY(append_json(message, out));
  return out;
}

base::Result<void> append_json(const Message& message, std::string& out) {
  return Writer(out).write(message);
}

}  // namespace wrenn::connect
