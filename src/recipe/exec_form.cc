#include "recipe/exec_form.h"

#include <cstdint>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

void append_utf8(std::string& out, std::uint32_t point) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xc0 | point >> 6);
    byte(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    byte(0xe0 | point >> 12);
    byte(0x80 | (point >> 6 & 0x3f));
    byte(0x80 | (point & 0x3f));
  } else {
    byte(0xf0 | point >> 18);
    byte(0x80 | (point >> 12 & 0x3f));
    byte(0x80 | (point >> 6 & 0x3f));
    byte(0x80 | (point & 0x3f));
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  void skip_space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").contains(rest_.front())) {
      rest_.remove_prefix(1);
    }
  }

  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string out;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
      if (c != '\\') {
        out += c;
      } else if (!escape(out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  // What follows a backslash.
  bool escape(std::string& out) {
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == 'u') return unicode(out);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t index = kNames.find(c);
    if (index == std::string_view::npos) return false;
    out += kMeanings[index];
    return true;
  }

  bool unicode(std::string& out) {
    const auto first = unit();
    if (!first || *first == 0 || (*first >= 0xdc00 && *first < 0xe000)) return false;
    if (*first < 0xd800 || *first >= 0xe000) {
      append_utf8(out, *first);
      return true;
    }
    if (!take('\\') || !take('u')) return false;
    const auto second = unit();
    if (!second || *second < 0xdc00 || *second >= 0xe000) return false;
    append_utf8(out, 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00));
    return true;
  }

  // Four hexadecimal digits.
  std::optional<std::uint32_t> unit() {
    const auto bytes = base::from_hex(rest_.substr(0, 4));
    if (!bytes || bytes->size() != 2) return std::nullopt;
    rest_.remove_prefix(4);
    return static_cast<std::uint32_t>(static_cast<unsigned char>((*bytes)[0])) << 8 |
           static_cast<unsigned char>((*bytes)[1]);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<std::string>> parse_exec_form(std::string_view text) {
  Scanner scanner(text);
  scanner.skip_space();
  if (!scanner.take('[')) return std::nullopt;
  std::vector<std::string> out;
  scanner.skip_space();
  if (!scanner.take(']')) {
    while (true) {
      scanner.skip_space();
      auto element = scanner.string();
      if (!element) return std::nullopt;
      out.push_back(std::move(*element));
      scanner.skip_space();
      if (scanner.take(']')) break;
      if (!scanner.take(',')) return std::nullopt;
    }
  }
  scanner.skip_space();
  if (!scanner.at_end()) return std::nullopt;
  return out;
}

}  // namespace wrenn::recipe
