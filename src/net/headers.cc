#include "net/headers.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::net {
namespace {

bool is_token_char(char c) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kPunctuation.find(c) != std::string_view::npos;
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7F;
  });
}

void Headers::add(std::string_view name, std::string_view value) {
  if (!is_token(name) || !is_field_value(value)) {
    base::log_error("a header field is left out: it holds forbidden characters", {{"name", name}});
    return;
  }
  const auto at = static_cast<std::uint32_t>(text_.size());
  const auto name_size = static_cast<std::uint32_t>(name.size());
  text_ += name;
  text_ += value;
  fields_.push_back({at, name_size, at + name_size, static_cast<std::uint32_t>(value.size())});
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) {
    return base::equal_ignore_case({text_.data() + field.name, field.name_size}, name);
  });
}

HeaderField Headers::operator[](std::size_t i) const {
  const Field& field = fields_[i];
  return {{text_.data() + field.name, field.name_size},
          {text_.data() + field.value, field.value_size}};
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (base::equal_ignore_case((*this)[i].name, name)) return (*this)[i].value;
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    if (base::equal_ignore_case((*this)[i].name, name)) ++found;
  }
  return found;
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (std::size_t i = 0; i < size(); ++i) {
    const HeaderField field = (*this)[i];
    if (!base::equal_ignore_case(field.name, name)) continue;
    for (const auto part : base::split(field.value, ',')) {
      if (base::equal_ignore_case(base::trim(part), token)) return true;
    }
  }
  return false;
}

void Headers::write_to(std::string& out) const {
  for (std::size_t i = 0; i < size(); ++i) {
    const HeaderField field = (*this)[i];
    out += field.name;
    out += ": ";
    out += field.value;
    out += "\r\n";
  }
}

std::vector<std::string_view> cookies_named(const Headers& fields, std::string_view name) {
  std::vector<std::string_view> values;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!base::equal_ignore_case(fields[i].name, "cookie")) continue;
    for (const std::string_view part : base::split(fields[i].value, ';')) {
      const std::string_view pair = base::trim(part);
      const std::size_t equals = pair.find('=');
      if (equals != pair.npos && pair.substr(0, equals) == name) {
        values.push_back(pair.substr(equals + 1));
      }
    }
  }
  return values;
}

}  // namespace wrenn::net
