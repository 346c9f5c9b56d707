// JsonFields: the fields of a JSON object from a client, read strictly: a field that is there must
// have the right type and range, and the error names it. Unknown fields are ignored, null counts as
// missing. Pure; meets hostile bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/errors.h"

namespace boost::json {
class object;
class value;
}  // namespace boost::json

namespace wrenn::control {

struct IntegerRule {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t fallback = 0;  // For a missing field, and for 0 when 0 is below `min`.
};

enum class Presence { kOptional, kRequired };

struct TextRule {
  Presence presence = Presence::kOptional;
  std::size_t max_bytes = 4096;
};

// Reads on after the first mistake and keeps that one: ask status() once, at the end.
class JsonFields {
 public:
  // An empty body is an empty object. `what`: what errors call it.
  explicit JsonFields(std::string_view body, std::string_view what = "body");
  JsonFields(const JsonFields&) = delete;
  JsonFields& operator=(const JsonFields&) = delete;
  ~JsonFields();

  // It is there and is not null.
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t integer(std::string_view name, const IntegerRule& rule);
  bool boolean(std::string_view name, bool fallback);
  bool required_boolean(std::string_view name);
  // Without NUL; required means not empty either.
  std::string text(std::string_view name, const TextRule& rule);
  // A list of texts, each without NUL.
  std::vector<std::string> texts(std::string_view name, std::size_t max_count);
  // An object of texts; for environments: no name is empty or has a '='.
  std::map<std::string, std::string> environment(std::string_view name, std::size_t max_count);

  // An object of texts without NUL, and of nulls.
  std::map<std::string, std::optional<std::string>> texts_or_nulls(std::string_view name,
                                                                   std::size_t max_count);

  // The fields of an object in this one, whose mistakes are its own: empty for a missing field, and
  // for what is no object, which is a mistake of these.
  JsonFields object(std::string_view name);

  // Nothing for a missing field and for 0, of which it is up to the caller what they mean.
  std::optional<int> optional_integer(std::string_view name, int min, int max);

  void fail(std::string message);
  Answer<void> status() const;

 private:
  explicit JsonFields(std::unique_ptr<boost::json::object> object);
  const boost::json::value* find(std::string_view name) const;
  // Null when it is missing, or a mistake.
  const boost::json::object* small_object(std::string_view name, std::size_t max_count);

  std::unique_ptr<boost::json::object> object_;
  std::string mistake_;
};

// The one text that a body consists of: required, at most 1024 bytes.
Answer<std::string> parse_text(std::string_view body, std::string_view name);

}  // namespace wrenn::control
