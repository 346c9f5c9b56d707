#include "cli/json_text.h"

#include <boost/json.hpp>

namespace wrenn::cli {
namespace {

void append(std::string& out, const boost::json::value& value, std::size_t depth);

void append_line(std::string& out, std::size_t depth) {
  out += '\n';
  out.append(2 * depth, ' ');
}

void append_object(std::string& out, const boost::json::object& object, std::size_t depth) {
  out += '{';
  bool first = true;
  for (const auto& field : object) {
    if (!std::exchange(first, false)) out += ',';
    append_line(out, depth + 1);
    out += boost::json::serialize(field.key());
    out += ": ";
    append(out, field.value(), depth + 1);
  }
  append_line(out, depth);
  out += '}';
}

void append_array(std::string& out, const boost::json::array& array, std::size_t depth) {
  out += '[';
  bool first = true;
  for (const auto& element : array) {
    if (!std::exchange(first, false)) out += ',';
    append_line(out, depth + 1);
    append(out, element, depth + 1);
  }
  append_line(out, depth);
  out += ']';
}

void append(std::string& out, const boost::json::value& value, std::size_t depth) {
  if (value.is_object() && !value.get_object().empty()) {
    append_object(out, value.get_object(), depth);
  } else if (value.is_array() && !value.get_array().empty()) {
    append_array(out, value.get_array(), depth);
  } else {
    out += boost::json::serialize(value);
  }
}

}  // namespace

base::Result<boost::json::value> parse_json(std::string_view text) {
  boost::json::error_code error;
  auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error) return base::fail(base::Code::kInvalidArgument, "not valid JSON: " + error.message());
  return value;
}

std::string pretty_json(const boost::json::value& value) {
  std::string out;
  append(out, value, 0);
  return out;
}

std::string string_field(const boost::json::object& object, std::string_view name) {
  const auto* field = object.if_contains(name);
  const auto* text = field != nullptr ? field->if_string() : nullptr;
  return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

std::int64_t int_field(const boost::json::object& object, std::string_view name,
                       std::int64_t fallback) {
  const auto* field = object.if_contains(name);
  if (field == nullptr || !field->is_number()) return fallback;
  boost::json::error_code error;
  const auto number = field->to_number<std::int64_t>(error);
  return error ? fallback : number;
}

}  // namespace wrenn::cli
