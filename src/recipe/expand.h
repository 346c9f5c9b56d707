// Variables in words, as Docker fills them in:
// https://docs.docker.com/reference/dockerfile/#environment-replacement
//
//   $X ${X}                    its value; nothing when it is not set
//   ${X:-word} ${X-word}       word when it is not set (with ':' also when it is empty)
//   ${X:+word} ${X+word}       word when it is, nothing when not
//   ${X:?word} ${X?word}       an error when it is not set
//   ${X#p} ${X##p} ${X%p} ${X%%p}  without the shortest or longest beginning or end like p
//   ${X/p/r} ${X//p/r}         the first, or every, p replaced
//
// Quotes and escapes are undone on the way; nothing is filled in within single quotes. Patterns
// know '*', '?' and '\'. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "recipe/build_plan.h"

namespace wrenn::recipe {

struct ExpandOptions {
  char escape = '\\';
  // kKept is for the text of here-documents: quotes are ordinary there, and a backslash escapes
  // only '$', '`' and itself.
  enum class Quotes { kUndone, kKept };
  Quotes quotes = Quotes::kUndone;
  std::size_t longest = std::size_t{64} * 1024;
};

// kInvalidArgument for a broken substitution or a quote without its end, kFailedPrecondition for
// ${X:?word}, kResourceExhausted when the result would be longer than `longest` bytes or a
// pattern is too much work.
base::Result<std::string> expand_word(std::string_view word, const Environment& environment,
                                      const ExpandOptions& options);

// The error that expand_word would return for any environment, if it is one of syntax.
base::Result<void> check_word(std::string_view word, const ExpandOptions& options);

// The variables of a recipe's ENV: $X, ${X} and $$, and nothing else.
base::Result<std::string> expand_recipe_value(std::string_view text, const Environment& environment,
                                              std::size_t longest);

}  // namespace wrenn::recipe
