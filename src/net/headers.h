// Headers: the header fields of one HTTP message (RFC 9110 section 5), in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::net {

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

// All text lies in one buffer, so that a message costs two allocations however many fields it has.
// Views stay valid until the next change. Not thread-safe.
class Headers {
 public:
  // `Headers().with("A", "1").with("B", "2")`.
  Headers with(std::string_view name, std::string_view value) && {
    set(name, value);
    return std::move(*this);
  }

  // Appends. A name that is not a token, or a value with control characters, is a defect of the
  // caller (nothing from outside comes here unchecked): the field is left out and logged.
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);

  // The first field of that name, compared without case.
  std::optional<std::string_view> find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  // True when a comma-separated list field contains the token, without case.
  bool has_token(std::string_view name, std::string_view token) const;

  std::size_t size() const { return fields_.size(); }
  HeaderField operator[](std::size_t i) const;

  // "Name: value\r\n" for each, appended.
  void write_to(std::string& out) const;

 private:
  friend class HeadParser;
  struct Field {
    std::uint32_t name;
    std::uint32_t name_size;
    std::uint32_t value;
    std::uint32_t value_size;
  };
  std::string text_;
  std::vector<Field> fields_;
};

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text);
// RFC 9110 section 5.5: visible characters, spaces, tabs and bytes from 0x80.
bool is_field_value(std::string_view text);

// The values of all cookies of that name: paths that nest may bring several. They point into the
// fields.
std::vector<std::string_view> cookies_named(const Headers& fields, std::string_view name);

}  // namespace wrenn::net
