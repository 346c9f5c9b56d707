#include "control/api/json_fields.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::concat;
namespace json = boost::json;

constexpr std::size_t kMaxDepth = 32;

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

}  // namespace

JsonFields::JsonFields(std::string_view body, std::string_view what)
    : object_(std::make_unique<json::object>()) {
  if (base::trim(body).empty()) return;
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::error_code error;
  json::value value = json::parse({body.data(), body.size()}, error, {}, options);
  if (error) {
    fail(concat("the ", what, " is not valid JSON (", error.message(), ")"));
  } else if (!value.is_object()) {
    fail(concat("the ", what, " must be a JSON object: {\"field\": value, ...}"));
  } else {
    *object_ = std::move(value.get_object());
  }
}

JsonFields::JsonFields(std::unique_ptr<json::object> object) : object_(std::move(object)) {}

JsonFields::~JsonFields() = default;

void JsonFields::fail(std::string message) {
  if (mistake_.empty()) mistake_ = std::move(message);
}

Answer<void> JsonFields::status() const {
  if (!mistake_.empty()) return refuse(ApiCode::kInvalidRequest, mistake_);
  return {};
}

const json::value* JsonFields::find(std::string_view name) const {
  const json::value* value = object_->if_contains({name.data(), name.size()});
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::int64_t JsonFields::integer(std::string_view name, const IntegerRule& rule) {
  const json::value* value = find(name);
  if (value == nullptr) return rule.fallback;
  if (const std::int64_t* number = value->if_int64()) {
    if (*number == 0 && rule.min > 0) return rule.fallback;
    if (*number >= rule.min && *number <= rule.max) return *number;
  }
  fail(concat(name, " must be a whole number from ", rule.min, " to ", rule.max));
  return rule.fallback;
}

std::optional<int> JsonFields::optional_integer(std::string_view name, int min, int max) {
  const std::int64_t value = integer(name, {min, max, 0});
  if (value == 0) return std::nullopt;
  return static_cast<int>(value);
}

bool JsonFields::boolean(std::string_view name, bool fallback) {
  const json::value* value = find(name);
  if (value == nullptr) return fallback;
  if (const bool* flag = value->if_bool()) return *flag;
  fail(concat(name, " must be true or false"));
  return fallback;
}

bool JsonFields::required_boolean(std::string_view name) {
  if (find(name) == nullptr) fail(concat(name, " is missing: it must be true or false"));
  return boolean(name, false);
}

std::string JsonFields::text(std::string_view name, const TextRule& rule) {
  const json::value* value = find(name);
  if (value == nullptr) {
    if (rule.presence == Presence::kRequired) fail(concat(name, " is missing: it must be a text"));
    return {};
  }
  const json::string* text = value->if_string();
  if (text == nullptr) {
    fail(concat(name, " must be a text"));
  } else if (text->empty() && rule.presence == Presence::kRequired) {
    fail(concat(name, " must not be empty"));
  } else if (text->size() > rule.max_bytes) {
    fail(concat(name, " must not be longer than ", rule.max_bytes, " bytes"));
  } else if (has_nul(*text)) {
    fail(concat(name, " must not contain a NUL character"));
  } else {
    return std::string(*text);
  }
  return {};
}

std::vector<std::string> JsonFields::texts(std::string_view name, std::size_t max_count) {
  std::vector<std::string> out;
  const json::value* value = find(name);
  if (value == nullptr) return out;
  const json::array* list = value->if_array();
  if (list == nullptr) {
    fail(concat(name, " must be a list of texts"));
    return out;
  }
  if (list->size() > max_count) {
    fail(concat(name, " must not have more than ", max_count, " entries"));
    return out;
  }
  for (const json::value& entry : *list) {
    const json::string* text = entry.if_string();
    if (text == nullptr || has_nul(*text)) {
      fail(concat(name, " must be a list of texts without NUL characters"));
      return out;
    }
    out.emplace_back(*text);
  }
  return out;
}

JsonFields JsonFields::object(std::string_view name) {
  auto own = std::make_unique<json::object>();
  if (const json::value* value = find(name)) {
    if (const json::object* object = value->if_object()) {
      *own = *object;
    } else {
      fail(concat(name, " must be an object: {\"field\": value, ...}"));
    }
  }
  return JsonFields(std::move(own));
}

const boost::json::object* JsonFields::small_object(std::string_view name, std::size_t max_count) {
  const json::value* value = find(name);
  if (value == nullptr) return nullptr;
  const json::object* object = value->if_object();
  if (object == nullptr) {
    fail(concat(name, R"( must be an object of texts: {"NAME": "value"})"));
  } else if (object->size() > max_count) {
    fail(concat(name, " must not have more than ", max_count, " entries"));
    return nullptr;
  }
  return object;
}

std::map<std::string, std::string> JsonFields::environment(std::string_view name,
                                                           std::size_t max_count) {
  std::map<std::string, std::string> out;
  const json::object* object = small_object(name, max_count);
  if (object == nullptr) return out;
  for (const auto& [key, entry] : *object) {
    const std::string_view variable(key.data(), key.size());
    const json::string* text = entry.if_string();
    if (text == nullptr || has_nul(*text)) {
      fail(concat(name, " must hold texts without NUL characters only"));
    } else if (variable.empty() || variable.find('=') != variable.npos || has_nul(variable)) {
      fail(concat(name, ": the name of a variable must not be empty or contain '=' or NUL"));
    } else {
      out.emplace(variable, *text);
    }
  }
  return out;
}

std::map<std::string, std::optional<std::string>> JsonFields::texts_or_nulls(
    std::string_view name, std::size_t max_count) {
  std::map<std::string, std::optional<std::string>> out;
  const json::object* object = small_object(name, max_count);
  if (object == nullptr) return out;
  for (const auto& [key, entry] : *object) {
    const json::string* text = entry.if_string();
    if ((text == nullptr && !entry.is_null()) || (text != nullptr && has_nul(*text))) {
      fail(concat(name, " must hold texts without NUL characters only"));
    } else if (text == nullptr) {
      out.emplace(std::string_view(key.data(), key.size()), std::nullopt);
    } else {
      out.emplace(std::string_view(key.data(), key.size()), std::string(*text));
    }
  }
  return out;
}

Answer<std::string> parse_text(std::string_view body, std::string_view name) {
  JsonFields fields(body);
  std::string text = fields.text(name, {.presence = Presence::kRequired, .max_bytes = 1024});
  API_TRY(fields.status());
  return text;
}

}  // namespace wrenn::control
