#include "recipe/expand_pattern.h"

#include <algorithm>

namespace wrenn::recipe {
namespace {

// Steps of the matcher that one substitution may take.
constexpr std::size_t kMostWork = std::size_t{1} << 22;

}  // namespace

ValuePattern::ValuePattern(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '*') {
      tokens_.push_back({Token::Kind::kStar});
    } else if (text[at] == '?') {
      tokens_.push_back({Token::Kind::kAny});
    } else {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      tokens_.push_back({Token::Kind::kByte, text[at]});
    }
  }
}

std::optional<std::size_t> ValuePattern::match(const std::vector<Token>& tokens,
                                               std::string_view value, Length length) {
  // All places in the pattern where one may be after the bytes so far.
  std::vector<bool> places(tokens.size() + 1, false);
  std::vector<bool> next(tokens.size() + 1, false);
  const auto enter = [&tokens](std::vector<bool>& set, std::size_t place) {
    set[place] = true;
    while (place < tokens.size() && tokens[place].kind == Token::Kind::kStar) set[++place] = true;
  };
  enter(places, 0);
  std::optional<std::size_t> found;
  for (std::size_t at = 0;; ++at) {
    if (places[tokens.size()]) {
      found = at;
      if (length == Length::kShortest) return found;
    }
    if (at == value.size()) return found;
    next.assign(tokens.size() + 1, false);
    bool alive = false;
    for (std::size_t place = 0; place < tokens.size(); ++place) {
      if (!places[place]) continue;
      const Token& token = tokens[place];
      if (token.kind == Token::Kind::kStar) {
        enter(next, place);
      } else if (token.kind == Token::Kind::kAny || token.byte == value[at]) {
        enter(next, place + 1);
      } else {
        continue;
      }
      alive = true;
    }
    if (!alive) return found;
    places.swap(next);
  }
}

base::Result<void> ValuePattern::check_work(std::size_t rounds, std::size_t bytes) const {
  if (rounds * bytes <= kMostWork / (tokens_.size() + 1)) return {};
  return base::fail(base::Code::kResourceExhausted,
                    "the value is too long to be searched for this pattern",
                    "do it with sed in a RUN instruction");
}

base::Result<std::string> ValuePattern::without_prefix(std::string_view value,
                                                       Length length) const {
  WRENN_TRY(check_work(1, value.size()));
  return std::string(value.substr(match(tokens_, value, length).value_or(0)));
}

base::Result<std::string> ValuePattern::without_suffix(std::string_view value,
                                                       Length length) const {
  WRENN_TRY(check_work(1, value.size()));
  std::vector<Token> tokens = tokens_;
  std::ranges::reverse(tokens);
  const std::string backwards(value.rbegin(), value.rend());
  return std::string(value.substr(0, value.size() - match(tokens, backwards, length).value_or(0)));
}

base::Result<std::string> ValuePattern::replace(std::string_view value,
                                                std::string_view replacement, Which which) const {
  WRENN_TRY(check_work(value.size(), value.size()));
  std::string out;
  while (!value.empty()) {
    const auto length = match(tokens_, value, Length::kLongest);
    if (!length || *length == 0) {
      out += value.front();
      value.remove_prefix(1);
      continue;
    }
    out += replacement;
    value.remove_prefix(*length);
    if (which == Which::kFirst) break;
  }
  return out += value;
}

}  // namespace wrenn::recipe
