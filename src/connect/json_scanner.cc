#include "connect/json_scanner.h"

#include "base/strings.h"

namespace wrenn::connect {
namespace {

constexpr unsigned kFirstHighSurrogate = 0xd800;
constexpr unsigned kFirstLowSurrogate = 0xdc00;
constexpr unsigned kAfterSurrogates = 0xe000;
constexpr unsigned kFirstSupplementary = 0x10000;

void append_utf8(std::string& out, unsigned code) {
  const auto byte = [&out](unsigned value) { out += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | code >> 6);
  } else if (code < kFirstSupplementary) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

}  // namespace

void JsonScanner::skip_space() {
  std::size_t n = 0;
  while (n < left_.size() &&
         (left_[n] == ' ' || left_[n] == '\n' || left_[n] == '\t' || left_[n] == '\r')) {
    ++n;
  }
  left_.remove_prefix(n);
}

JsonScanner::Kind JsonScanner::peek() {
  skip_space();
  const char c = left_.empty() ? '\0' : left_.front();
  if (c == '-' || (c >= '0' && c <= '9')) return Kind::kNumber;
  switch (c) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
      return Kind::kTrue;
    case 'f':
      return Kind::kFalse;
    case 'n':
      return Kind::kNull;
    default:
      return Kind::kBad;
  }
}

bool JsonScanner::take(char c) {
  skip_space();
  if (!left_.starts_with(c)) return false;
  left_.remove_prefix(1);
  return true;
}

bool JsonScanner::at_end() {
  skip_space();
  return left_.empty();
}

bool JsonScanner::take_literal(std::string_view literal) {
  skip_space();
  if (!left_.starts_with(literal)) return false;
  left_.remove_prefix(literal.size());
  return true;
}

bool JsonScanner::take_string(std::string& out) {
  out.clear();
  if (!take('"')) return false;
  while (true) {
    std::size_t plain = 0;
    while (plain < left_.size() && left_[plain] != '"' && left_[plain] != '\\' &&
           static_cast<unsigned char>(left_[plain]) >= 0x20) {
      ++plain;
    }
    const std::string_view run = left_.substr(0, plain);
    // An escape is a whole character, so each run between two of them must be valid alone.
    if (plain == left_.size() || !base::is_valid_utf8(run)) return false;
    out += run;
    const char c = left_[plain];
    left_.remove_prefix(plain + 1);
    if (c == '"') return true;
    if (c != '\\' || !take_escape(out)) return false;
  }
}

bool JsonScanner::take_escape(std::string& out) {
  if (left_.empty()) return false;
  const char c = left_.front();
  left_.remove_prefix(1);
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out += c;
      return true;
    case 'b':
      out += '\b';
      return true;
    case 'f':
      out += '\f';
      return true;
    case 'n':
      out += '\n';
      return true;
    case 'r':
      out += '\r';
      return true;
    case 't':
      out += '\t';
      return true;
    case 'u':
      return take_unicode_escape(out);
    default:
      return false;
  }
}

bool JsonScanner::take_unicode_escape(std::string& out) {
  unsigned code = 0;
  if (!take_hex4(code)) return false;
  const bool is_surrogate = code >= kFirstHighSurrogate && code < kAfterSurrogates;
  if (is_surrogate) {
    // Only a pair of them, high then low, is a character.
    unsigned low = 0;
    if (code >= kFirstLowSurrogate || !left_.starts_with("\\u")) return false;
    left_.remove_prefix(2);
    if (!take_hex4(low) || low < kFirstLowSurrogate || low >= kAfterSurrogates) return false;
    code = kFirstSupplementary + ((code - kFirstHighSurrogate) << 10) + (low - kFirstLowSurrogate);
  }
  append_utf8(out, code);
  return true;
}

bool JsonScanner::take_hex4(unsigned& out) {
  if (left_.size() < 4) return false;
  const auto bytes = base::from_hex(left_.substr(0, 4));
  if (!bytes) return false;
  out = static_cast<unsigned char>((*bytes)[0]) * 256U + static_cast<unsigned char>((*bytes)[1]);
  left_.remove_prefix(4);
  return true;
}

std::size_t JsonScanner::take_digits() {
  std::size_t n = 0;
  while (n < left_.size() && left_[n] >= '0' && left_[n] <= '9') ++n;
  left_.remove_prefix(n);
  return n;
}

bool JsonScanner::take_number(std::string_view& out) {
  skip_space();
  const std::string_view begin = left_;
  if (left_.starts_with('-')) left_.remove_prefix(1);
  const bool has_leading_zero = left_.starts_with('0');
  const std::size_t digits = take_digits();
  if (digits == 0 || (has_leading_zero && digits > 1)) return false;
  if (left_.starts_with('.')) {
    left_.remove_prefix(1);
    if (take_digits() == 0) return false;
  }
  if (left_.starts_with('e') || left_.starts_with('E')) {
    left_.remove_prefix(1);
    if (left_.starts_with('+') || left_.starts_with('-')) left_.remove_prefix(1);
    if (take_digits() == 0) return false;
  }
  out = begin.substr(0, begin.size() - left_.size());
  return true;
}

bool JsonScanner::skip_value(int depth) {
  std::string text;
  std::string_view number;
  switch (peek()) {
    case Kind::kString:
      return take_string(text);
    case Kind::kNumber:
      return take_number(number);
    case Kind::kTrue:
      return take_literal("true");
    case Kind::kFalse:
      return take_literal("false");
    case Kind::kNull:
      return take_literal("null");
    case Kind::kObject:
    case Kind::kArray:
      break;
    case Kind::kBad:
      return false;
  }
  if (depth <= 0) return false;
  const bool is_object = take('{');
  const char close = is_object ? '}' : ']';
  if (!is_object) take('[');
  if (take(close)) return true;
  do {
    if (is_object && (!take_string(text) || !take(':'))) return false;
    if (!skip_value(depth - 1)) return false;
  } while (take(','));
  return take(close);
}

}  // namespace wrenn::connect
