// The patterns of ${X#p}, ${X%p} and ${X/p/r}: '*', '?' and '\'. Only expand.cc includes this.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::recipe {

class ValuePattern {
 public:
  enum class Length { kShortest, kLongest };

  explicit ValuePattern(std::string_view text);

  // Each is kResourceExhausted when pattern and value are too long for each other.
  base::Result<std::string> without_prefix(std::string_view value, Length length) const;
  base::Result<std::string> without_suffix(std::string_view value, Length length) const;
  enum class Which { kFirst, kAll };
  base::Result<std::string> replace(std::string_view value, std::string_view replacement,
                                    Which which) const;

 private:
  struct Token {
    enum class Kind { kByte, kAny, kStar };
    Kind kind = Kind::kByte;
    char byte = 0;
  };
  // How many bytes at the beginning of the value the tokens match.
  static std::optional<std::size_t> match(const std::vector<Token>& tokens, std::string_view value,
                                          Length length);
  base::Result<void> check_work(std::size_t rounds, std::size_t bytes) const;

  std::vector<Token> tokens_;
};

}  // namespace wrenn::recipe
