#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "base/rfc3339.h"
#include "base/strings.h"
#include "connect/json.h"
#include "connect/json_scanner.h"

namespace wrenn::connect {
namespace {

using base::Code;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Kind = JsonScanner::Kind;

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

bool is_well_known(const FieldDescriptor& field, Descriptor::WellKnownType type) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->well_known_type() == type;
}

bool is_null_value(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
         field.enum_type()->full_name() == "google.protobuf.NullValue";
}

const FieldDescriptor* find_field(const Descriptor& type, std::string_view name) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->json_name() == name || field->name() == name) return field;
  }
  return nullptr;
}

// "1", and "1.0" or "1e3" too, which some writers make of integers.
template <class T>
std::optional<T> to_integer(std::string_view text) {
  if (const auto exact = base::parse_int<T>(text)) return exact;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size() &&
                        std::trunc(value) == value && text.find_first_of(".eE") != text.npos;
  // The limits of 64 bits are no doubles: they round up to one too many.
  const bool fits = value >= static_cast<double>(std::numeric_limits<T>::min()) &&
                    value < std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (!is_whole || !fits) return std::nullopt;
  return static_cast<T>(value);
}

std::optional<double> to_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "1.5s"
std::optional<std::pair<std::int64_t, std::int32_t>> to_duration(std::string_view text) {
  if (!text.ends_with('s')) return std::nullopt;
  text.remove_suffix(1);
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  const auto seconds = base::parse_int<std::uint32_t>(text.substr(0, dot));
  std::string fraction(dot == text.npos ? std::string_view("0") : text.substr(dot + 1));
  if (!seconds || fraction.empty() || fraction.size() > 9) return std::nullopt;
  fraction.append(9 - fraction.size(), '0');
  const auto nanos = base::parse_int<std::uint32_t>(fraction);
  if (!nanos) return std::nullopt;
  const int sign = is_negative ? -1 : 1;
  return std::pair(sign * std::int64_t{*seconds}, sign * static_cast<std::int32_t>(*nanos));
}

// Reads one text; the first error ends it.
class Reader {
 public:
  explicit Reader(std::string_view text) : scanner_(text) {}

  base::Result<void> read(Message& message) {
    if (read_message(message, 0) && !scanner_.at_end()) fail("more follows after the end");
    if (error_.empty()) return {};
    return base::fail(
        Code::kInvalidArgument,
        base::concat("the text is not JSON for ", message.GetDescriptor()->full_name(), ": ", path_,
                     path_.empty() ? "" : ": ", error_, " (at byte ", offset_, ")"));
  }

 private:
  bool read_message(Message& message, int depth) {
    if (depth > kMaxJsonDepth) return fail("it is nested too deeply");
    const Descriptor& type = *message.GetDescriptor();
    if (type.well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED) {
      return read_well_known(message, type, depth);
    }
    if (!scanner_.take('{')) return fail("an object is expected");
    if (scanner_.take('}')) return true;
    std::string name;
    do {
      if (!scanner_.take_string(name)) return fail("the name of a field is expected");
      if (!scanner_.take(':')) return fail("a colon is expected");
      const FieldDescriptor* field = find_field(type, name);
      if (field == nullptr) {
        if (!scanner_.skip_value(kMaxJsonDepth - depth)) return fail_in(name, "it is malformed");
      } else if (!read_field(message, *field, depth)) {
        return fail_in(name);
      }
    } while (scanner_.take(','));
    return scanner_.take('}') || fail("a comma or } is expected");
  }

  bool read_field(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& reflection = *message.GetReflection();
    const bool takes_null =
        is_null_value(field) || is_well_known(field, Descriptor::WELLKNOWNTYPE_VALUE);
    if (scanner_.peek() == Kind::kNull && !(takes_null && !field.is_repeated())) {
      // Null stands for "not there".
      return scanner_.take_literal("null") || fail("a value is expected");
    }
    const auto* oneof = field.real_containing_oneof();
    if (oneof != nullptr && reflection.HasOneof(message, oneof)) {
      return fail(base::concat("only one of ", oneof->name(), " may be given"));
    }
    if (field.is_map()) return read_map(message, field, depth);
    if (field.is_repeated()) return read_list(message, field, depth);
    return read_value(message, field, depth);
  }

  bool read_list(Message& message, const FieldDescriptor& field, int depth) {
    if (!scanner_.take('[')) return fail("an array is expected");
    if (scanner_.take(']')) return true;
    do {
      if (!read_value(message, field, depth)) return false;
    } while (scanner_.take(','));
    return scanner_.take(']') || fail("a comma or ] is expected");
  }

  bool read_map(Message& message, const FieldDescriptor& field, int depth) {
    if (!scanner_.take('{')) return fail("an object is expected");
    if (scanner_.take('}')) return true;
    const FieldDescriptor& key = *field.message_type()->map_key();
    const FieldDescriptor& value = *field.message_type()->map_value();
    std::string name;
    do {
      if (!scanner_.take_string(name)) return fail("a key is expected");
      if (!scanner_.take(':')) return fail("a colon is expected");
      // Of two entries with the same key the last counts.
      Message& entry = *message.GetReflection()->AddMessage(&message, &field);
      if (std::string taken = name; !set_from_text(entry, key, taken)) return fail_in(name);
      if (!read_value(entry, value, depth)) return fail_in(name);
    } while (scanner_.take(','));
    return scanner_.take('}') || fail("a comma or } is expected");
  }

  // Sets a singular field, or adds to a repeated one.
  bool read_value(Message& message, const FieldDescriptor& field, int depth) {
    const Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message& child = *(field.is_repeated() ? reflection.AddMessage(&message, &field)
                                             : reflection.MutableMessage(&message, &field));
      return read_message(child, depth + 1);
    }
    switch (scanner_.peek()) {
      case Kind::kString: {
        std::string text;
        if (!scanner_.take_string(text)) return fail("a text is malformed or not UTF-8");
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL)
          return fail("true or false is expected");
        return set_from_text(message, field, text);
      }
      case Kind::kNumber: {
        std::string_view text;
        if (!scanner_.take_number(text)) return fail("a number is malformed");
        const bool takes_numbers = field.cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                                   field.cpp_type() != FieldDescriptor::CPPTYPE_BOOL;
        if (!takes_numbers) return fail("a number is not expected");
        return set_number(message, field, text);
      }
      case Kind::kTrue:
      case Kind::kFalse: {
        const bool value = scanner_.peek() == Kind::kTrue;
        if (!scanner_.take_literal(value ? "true" : "false")) return fail("a value is malformed");
        if (field.cpp_type() != FieldDescriptor::CPPTYPE_BOOL) {
          return fail("true or false is not expected");
        }
        return set_bool(message, field, value);
      }
      case Kind::kNull:
        if (is_null_value(field) && scanner_.take_literal("null"))
          return set_enum(message, field, 0);
        return fail("null is not expected");
      case Kind::kObject:
        return fail("an object is not expected");
      case Kind::kArray:
        return fail("an array is not expected");
      case Kind::kBad:
        break;
    }
    return fail("a value is expected");
  }

  // A value that came as text, or the key of a map. Takes the text's content.
  bool set_from_text(Message& message, const FieldDescriptor& field, std::string& text) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return set_string(message, field, text);
      case FieldDescriptor::CPPTYPE_BOOL:
        if (text != "true" && text != "false") return fail("true or false is expected");
        return set_bool(message, field, text == "true");
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* value = field.enum_type()->FindValueByName(text);
        if (value == nullptr) {
          return fail(base::concat("'", text, "' is not a ", field.enum_type()->name()));
        }
        return set_enum(message, field, value->number());
      }
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE:
        if (text == "NaN")
          return set_real(message, field, std::numeric_limits<double>::quiet_NaN());
        if (text == "Infinity" || text == "-Infinity") {
          const double infinity = std::numeric_limits<double>::infinity();
          return set_real(message, field, text.front() == '-' ? -infinity : infinity);
        }
        break;
      default:
        break;
    }
    JsonScanner scanner(text);
    std::string_view number;
    if (!scanner.take_number(number) || number.size() != text.size()) {
      return fail("a number is expected");
    }
    return set_number(message, field, number);
  }

  bool set_string(Message& message, const FieldDescriptor& field, std::string& text) {
    if (field.type() == FieldDescriptor::TYPE_BYTES) {
      auto bytes = base::from_any_base64(text);
      if (!bytes) return fail("base64 is expected");
      text = std::move(*bytes);
    }
    const Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) {
      reflection.AddString(&message, &field, std::move(text));
    } else {
      reflection.SetString(&message, &field, std::move(text));
    }
    return true;
  }

  bool set_bool(Message& message, const FieldDescriptor& field, bool value) {
    const Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) {
      reflection.AddBool(&message, &field, value);
    } else {
      reflection.SetBool(&message, &field, value);
    }
    return true;
  }

  bool set_enum(Message& message, const FieldDescriptor& field, int value) {
    const Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) {
      reflection.AddEnumValue(&message, &field, value);
    } else {
      reflection.SetEnumValue(&message, &field, value);
    }
    return true;
  }

  bool set_real(Message& message, const FieldDescriptor& field, double value) {
    const Reflection& reflection = *message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      field.is_repeated() ? reflection.AddDouble(&message, &field, value)
                          : reflection.SetDouble(&message, &field, value);
      return true;
    }
    const bool fits =
        !std::isfinite(value) || std::fabs(value) <= double{std::numeric_limits<float>::max()};
    if (!fits) return fail("the number is out of range");
    const auto narrow = static_cast<float>(value);
    field.is_repeated() ? reflection.AddFloat(&message, &field, narrow)
                        : reflection.SetFloat(&message, &field, narrow);
    return true;
  }

  bool set_number(Message& message, const FieldDescriptor& field, std::string_view text) {
    const Reflection& reflection = *message.GetReflection();
    const auto set = [&](auto value, auto setter, auto adder) {
      if (!value) return fail("an integer in range is expected");
      field.is_repeated() ? (reflection.*adder)(&message, &field, *value)
                          : (reflection.*setter)(&message, &field, *value);
      return true;
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return set(to_integer<std::int32_t>(text), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_UINT32:
        return set(to_integer<std::uint32_t>(text), &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_INT64:
        return set(to_integer<std::int64_t>(text), &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT64:
        return set(to_integer<std::uint64_t>(text), &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_ENUM:
        return set(to_integer<int>(text), &Reflection::SetEnumValue, &Reflection::AddEnumValue);
      case FieldDescriptor::CPPTYPE_FLOAT:
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const auto value = to_real(text);
        return value ? set_real(message, field, *value) : fail("the number is out of range");
      }
      default:
        return fail("a number is not expected");
    }
  }

  bool read_well_known(Message& message, const Descriptor& type, int depth) {
    switch (type.well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      case Descriptor::WELLKNOWNTYPE_DURATION:
        return read_time(message, type);
      case Descriptor::WELLKNOWNTYPE_STRUCT:
        return read_map(message, *type.FindFieldByNumber(1), depth);
      case Descriptor::WELLKNOWNTYPE_LISTVALUE:
        return read_list(message, *type.FindFieldByNumber(1), depth);
      case Descriptor::WELLKNOWNTYPE_VALUE:
        return read_any_value(message, type, depth);
      case Descriptor::WELLKNOWNTYPE_ANY:
      case Descriptor::WELLKNOWNTYPE_FIELDMASK:
        return fail(base::concat(type.full_name(), " is not supported"));
      default:  // The wrappers of scalars.
        return read_value(message, *type.FindFieldByNumber(1), depth);
    }
  }

  bool read_time(Message& message, const Descriptor& type) {
    std::string text;
    if (scanner_.peek() != Kind::kString || !scanner_.take_string(text))
      return fail("a text is expected");
    std::int64_t seconds = 0;
    std::int64_t nanos = 0;
    if (type.well_known_type() == Descriptor::WELLKNOWNTYPE_TIMESTAMP) {
      const auto time = base::parse_rfc3339(text);
      if (!time) return fail("a time such as 2026-01-31T12:00:00Z is expected");
      // Before 1970 the fraction still counts forward.
      nanos = (*time % kNanosPerSecond + kNanosPerSecond) % kNanosPerSecond;
      seconds = (*time - nanos) / kNanosPerSecond;
    } else {
      const auto duration = to_duration(text);
      if (!duration) return fail("a duration such as 1.5s is expected");
      std::tie(seconds, nanos) = *duration;
    }
    const Reflection& reflection = *message.GetReflection();
    reflection.SetInt64(&message, type.FindFieldByNumber(1), seconds);
    reflection.SetInt32(&message, type.FindFieldByNumber(2), static_cast<std::int32_t>(nanos));
    return true;
  }

  // google.protobuf.Value: the kind of the text decides which field is set.
  bool read_any_value(Message& message, const Descriptor& type, int depth) {
    const auto field = [&](std::string_view name) -> const FieldDescriptor& {
      return *find_field(type, name);
    };
    switch (scanner_.peek()) {
      case Kind::kNull:
        return read_value(message, field("null_value"), depth);
      case Kind::kNumber:
        return read_value(message, field("number_value"), depth);
      case Kind::kString:
        return read_value(message, field("string_value"), depth);
      case Kind::kTrue:
      case Kind::kFalse:
        return read_value(message, field("bool_value"), depth);
      case Kind::kObject:
        return read_value(message, field("struct_value"), depth);
      case Kind::kArray:
        return read_value(message, field("list_value"), depth);
      case Kind::kBad:
        break;
    }
    return fail("a value is expected");
  }

  bool fail(std::string_view error) {
    if (!error_.empty()) return false;
    error_ = error;
    offset_ = scanner_.offset();
    return false;
  }
  // On the way up: which field it was.
  bool fail_in(std::string_view name, std::string_view error = "it is malformed") {
    fail(error);
    path_ = path_.empty() ? std::string(name) : base::concat(name, '.', path_);
    return false;
  }

  JsonScanner scanner_;
  std::string error_;
  std::string path_;
  std::size_t offset_ = 0;
};

}  // namespace

base::Result<void> read_json(std::string_view text, Message& message) {
  return Reader(text).read(message);
}

}  // namespace wrenn::connect
