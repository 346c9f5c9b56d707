#include "recipe/words.h"

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

std::string_view trim_left(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

// The length of the word at the beginning of the text, with its quotes.
std::size_t word_length(std::string_view text, char escape) {
  char quote = 0;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == escape && quote != '\'') {
      ++at;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (is_space(c)) {
      break;
    }
  }
  return std::min(at, text.size());
}

std::string without_quotes(std::string_view word, char escape) {
  std::string out;
  char quote = 0;
  for (std::size_t at = 0; at < word.size(); ++at) {
    const char c = word[at];
    if (c == escape && quote != '\'') {
      if (++at < word.size()) out += word[at];
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::vector<std::string> split_at_space(std::string_view text) {
  std::vector<std::string> out;
  while (!(text = trim_left(text)).empty()) {
    const FirstWord first = take_word(text);
    out.emplace_back(first.word);
    text = first.rest;
  }
  return out;
}

std::vector<std::string> split_words(std::string_view text, char escape) {
  std::vector<std::string> out;
  while (!(text = trim_left(text)).empty()) {
    const std::size_t length = word_length(text, escape);
    std::string_view word = text.substr(0, length);
    text.remove_prefix(length);
    // An escape with nothing after it escapes nothing.
    std::size_t escapes = 0;
    while (escapes < word.size() && word[word.size() - 1 - escapes] == escape) ++escapes;
    if (text.empty() && escapes % 2 == 1) word.remove_suffix(1);
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

FirstWord take_word(std::string_view text) {
  text = trim_left(text);
  std::size_t length = 0;
  while (length < text.size() && !is_space(text[length])) ++length;
  return {text.substr(0, length), trim_left(text.substr(length))};
}

FlagsAndRest take_flags(std::string_view text, char escape) {
  FlagsAndRest out;
  while ((text = trim_left(text)).starts_with("--")) {
    const std::size_t length = word_length(text, escape);
    const std::string word = without_quotes(text.substr(2, length - 2), escape);
    text.remove_prefix(length);
    if (word.empty()) break;
    const std::size_t equals = word.find('=');
    Flag flag;
    flag.name = word.substr(0, equals);
    flag.has_value = equals != std::string::npos;
    if (flag.has_value) flag.value = word.substr(equals + 1);
    out.flags.push_back(std::move(flag));
  }
  out.rest = trim_left(text);
  return out;
}

}  // namespace wrenn::recipe
