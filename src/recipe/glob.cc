#include "recipe/glob.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

using base::Code;

std::unexpected<base::Error> refuse(std::string_view pattern, std::string_view why,
                                    std::string remedy) {
  return base::fail(Code::kInvalidArgument, base::concat("the pattern \"", pattern, "\" ", why),
                    std::move(remedy));
}

// The character at `at`, which moves behind it; a byte that is no UTF-8 stands for itself.
std::uint32_t next_character(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length == 1 || lead > 0xf4 || at + length > text.size()) {
    ++at;
    return lead < 0x80 ? lead : 0x110000u + lead;
  }
  std::uint32_t point = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if ((byte & 0xc0) != 0x80) {
      ++at;
      return 0x110000u + lead;
    }
    point = point << 6 | (byte & 0x3fu);
  }
  at += length;
  return point;
}

}  // namespace

base::Result<std::size_t> Glob::parse_set(std::string_view pattern, std::size_t at) {
  Token token{.kind = Token::Kind::kSet};
  if (at < pattern.size() && pattern[at] == '^') {
    token.negated = true;
    ++at;
  }
  const auto member = [&]() -> base::Result<std::uint32_t> {
    if (at < pattern.size() && pattern[at] == '\\') ++at;
    if (at >= pattern.size()) {
      return refuse(pattern, "has a \"[\" without a \"]\"", "add it, or write \\[");
    }
    return next_character(pattern, at);
  };
  bool first = true;
  while (first || at >= pattern.size() || pattern[at] != ']') {
    first = false;
    WRENN_TRY_ASSIGN(const std::uint32_t low, member());
    std::uint32_t high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      ++at;
      WRENN_TRY_ASSIGN(high, member());
    }
    if (high < low) {
      return refuse(pattern, "has a range from a later to an earlier character", "turn it round");
    }
    token.ranges.emplace_back(low, high);
  }
  tokens_.push_back(std::move(token));
  return at + 1;
}

base::Result<Glob> Glob::parse(std::string_view pattern, DoubleStar double_star) {
  if (pattern.size() > kMaxPattern) {
    return refuse(pattern.substr(0, 64), base::concat("... is longer than ", kMaxPattern, " bytes"),
                  "write several shorter ones");
  }
  Glob out;
  std::size_t at = 0;
  while (at < pattern.size()) {
    const char c = pattern[at];
    if (c == '*') {
      out.is_literal_ = false;
      const bool deep =
          double_star == DoubleStar::kDirectories && pattern.substr(at).starts_with("**");
      at += deep ? 2 : 1;
      if (deep && at < pattern.size() && pattern[at] == '/') ++at;
      if (!deep) {
        out.tokens_.push_back({Token::Kind::kStar});
      } else {
        out.tokens_.push_back(
            {at == pattern.size() ? Token::Kind::kDeepStar : Token::Kind::kDirectories});
      }
    } else if (c == '?') {
      out.is_literal_ = false;
      out.tokens_.push_back({Token::Kind::kAny});
      ++at;
    } else if (c == '[') {
      out.is_literal_ = false;
      WRENN_TRY_ASSIGN(at, out.parse_set(pattern, at + 1));
    } else {
      if (c == '\\' && ++at == pattern.size()) {
        return refuse(pattern, "ends in a \\", "remove it, or write \\\\");
      }
      const std::size_t begin = at;
      out.tokens_.push_back({Token::Kind::kCharacter, next_character(pattern, at)});
      out.literal_ += pattern.substr(begin, at - begin);
    }
  }
  if (!out.is_literal_) out.literal_.clear();
  return out;
}

bool Glob::takes_one(const Token& token, std::uint32_t character) {
  if (token.kind == Token::Kind::kCharacter) return character == token.character;
  if (character == '/') return false;
  if (token.kind == Token::Kind::kAny) return true;
  if (token.kind != Token::Kind::kSet) return false;
  const bool found = std::ranges::any_of(token.ranges, [character](const auto& range) {
    return range.first <= character && character <= range.second;
  });
  return found != token.negated;
}

// All places in the pattern where one may be are followed at once, so that nothing is tried twice.
bool Glob::matches(std::string_view path) const {
  if (is_literal_) return path == literal_;
  using Kind = Token::Kind;
  std::vector<bool> places(tokens_.size() + 1, false);
  std::vector<bool> next;
  // A star may stand for nothing.
  const auto enter = [this](std::vector<bool>& set, std::size_t place) {
    set[place] = true;
    while (place < tokens_.size() &&
           (tokens_[place].kind == Kind::kStar || tokens_[place].kind == Kind::kDeepStar ||
            tokens_[place].kind == Kind::kDirectories)) {
      set[++place] = true;
    }
  };
  // Where one is inside of "**/": what follows it comes only behind a slash.
  std::vector<bool> inside(tokens_.size(), false);
  std::vector<bool> next_inside;
  enter(places, 0);
  for (std::size_t at = 0; at < path.size();) {
    const std::uint32_t character = next_character(path, at);
    next.assign(tokens_.size() + 1, false);
    next_inside.assign(tokens_.size(), false);
    for (std::size_t place = 0; place < tokens_.size(); ++place) {
      const Token& token = tokens_[place];
      if (token.kind == Kind::kDirectories) {
        if (!places[place] && !inside[place]) continue;
        next_inside[place] = true;
        if (character == '/') enter(next, place + 1);
      } else if (!places[place]) {
        continue;
      } else if (token.kind == Kind::kDeepStar || (token.kind == Kind::kStar && character != '/')) {
        enter(next, place);
      } else if (takes_one(token, character)) {
        enter(next, place + 1);
      }
    }
    places.swap(next);
    inside.swap(next_inside);
  }
  return places[tokens_.size()];
}

}  // namespace wrenn::recipe
