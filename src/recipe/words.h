// Taking an instruction apart into words, as Docker does it. Quotes and escapes stay in the words:
// expand.h deals with them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "recipe/build_plan.h"

namespace wrenn::recipe {

bool is_space(char c);

// Splits at white space, whatever it is in.
std::vector<std::string> split_at_space(std::string_view text);
// Splits at white space that is outside of quotes and not escaped.
std::vector<std::string> split_words(std::string_view text, char escape);

struct FirstWord {
  std::string_view word;
  std::string_view rest;  // Without white space at its beginning.
};
FirstWord take_word(std::string_view text);

struct Flag {
  std::string name;  // Without the dashes.
  std::string value;
  bool has_value = false;
};
struct FlagsAndRest {
  std::vector<Flag> flags;
  std::string_view rest;
};
// The words at the beginning that begin with "--". Quotes and escapes in them are undone.
FlagsAndRest take_flags(std::string_view text, char escape);

}  // namespace wrenn::recipe
