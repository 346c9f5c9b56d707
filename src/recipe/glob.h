// Glob: a pattern of paths. Matching takes time in proportion to pattern times path, whatever they
// are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace wrenn::recipe {

class Glob {
 public:
  enum class DoubleStar {
    kDirectories,  // "**" is any number of directories; at the end it is whatever there may be.
    kNone,         // "**" is "*".
  };
  static constexpr std::size_t kMaxPattern = 4096;

  // '*', '?', '[a-z]', '[^a-z]', none of which is a slash, and '\' before a character that stands
  // for itself. kInvalidArgument for a set without an end or a backslash before nothing.
  static base::Result<Glob> parse(std::string_view pattern, DoubleStar double_star);

  bool matches(std::string_view path) const;
  // Whether it has no wildcards: then it matches literal() alone.
  bool is_literal() const { return is_literal_; }
  const std::string& literal() const { return literal_; }

 private:
  struct Token {
    enum class Kind { kCharacter, kAny, kSet, kStar, kDeepStar, kDirectories };
    Kind kind = Kind::kCharacter;
    std::uint32_t character = 0;
    bool negated = false;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges{};
  };
  static bool takes_one(const Token& token, std::uint32_t character);
  // A set whose first member is at `at`; where it ends.
  base::Result<std::size_t> parse_set(std::string_view pattern, std::size_t at);

  std::vector<Token> tokens_;
  bool is_literal_ = true;
  std::string literal_;
};

}  // namespace wrenn::recipe
