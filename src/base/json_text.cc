#include "base/json_text.h"

#include "base/strings.h"

namespace wrenn::base {
namespace {

bool is_plain(unsigned char c, bool is_utf8) {
  return c >= 0x20 && c != '"' && c != '\\' && (c < 0x80 || is_utf8);
}

void append_escaped(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (c >= 0x80) {
    out += '?';
    return;
  }
  out += "\\u00";
  out += kHex[c >> 4];
  out += kHex[c & 0xf];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  const bool is_utf8 = is_valid_utf8(text);
  out += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(static_cast<unsigned char>(text[plain]), is_utf8)) {
      ++plain;
    }
    out += text.substr(0, plain);
    if (plain == text.size()) break;
    append_escaped(out, static_cast<unsigned char>(text[plain]));
    text.remove_prefix(plain + 1);
  }
  out += '"';
}

void append_json_field(std::string& out, std::string_view name, std::string_view value) {
  if (!out.ends_with('{')) out += ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

}  // namespace wrenn::base
