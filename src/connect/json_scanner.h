// JsonScanner: the tokens of a JSON text (RFC 8259), one after another. Strict, pure, allocates
// nothing but the texts it hands out. Meets hostile bytes; fuzzed through read_json().
#pragma once

#include <string>
#include <string_view>

namespace wrenn::connect {

class JsonScanner {
 public:
  enum class Kind { kObject, kArray, kString, kNumber, kTrue, kFalse, kNull, kBad };

  explicit JsonScanner(std::string_view text) : left_(text), size_(text.size()) {}

  // What the next value is, by its first character. Skips white space.
  Kind peek();
  // Takes one of the characters `{}[]:,` if it comes next.
  bool take(char c);

  // Each takes a whole value of its kind; false when it is malformed.
  bool take_string(std::string& out);  // Decoded, and valid UTF-8.
  bool take_number(std::string_view& out);
  bool take_literal(std::string_view literal);
  // Any value, checked as strictly, nested up to `depth` deep.
  bool skip_value(int depth);

  // Nothing but white space is left.
  bool at_end();
  std::size_t offset() const { return size_ - left_.size(); }

 private:
  void skip_space();
  bool take_escape(std::string& out);
  bool take_unicode_escape(std::string& out);
  bool take_hex4(unsigned& out);
  std::size_t take_digits();

  std::string_view left_;
  const std::size_t size_;
};

}  // namespace wrenn::connect
