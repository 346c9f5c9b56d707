#include "recipe/expand.h"

#include <optional>

#include "base/strings.h"
#include "recipe/expand_pattern.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;
using base::fail;

constexpr int kMostNested = 32;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_byte(char c) {
  // Docker takes letters of all alphabets.
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// What is known of the variables: their values, or, to check the syntax, nothing at all.
class Expander {
 public:
  Expander(std::string_view word, const Environment* environment, const ExpandOptions& options)
      : rest_(word), environment_(environment), options_(options) {}

  base::Result<std::string> whole() { return until(0, Escapes::kUndone); }

 private:
  enum class Escapes { kUndone, kKept };

  bool at_end() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  char next() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // Up to `stop`, which is taken, or to the end if that is 0.
  base::Result<std::string> until(char stop, Escapes escapes) {
    const bool undo_quotes = options_.quotes == ExpandOptions::Quotes::kUndone;
    std::string out;
    while (!at_end()) {
      const char c = peek();
      if (stop != 0 && c == stop) {
        next();
        return out;
      }
      if (c == '$') {
        WRENN_TRY_ASSIGN(const std::string value, dollar());
        out += value;
      } else if (undo_quotes && c == '\'') {
        WRENN_TRY(single_quotes(out));
      } else if (undo_quotes && c == '"') {
        WRENN_TRY(double_quotes(out));
      } else if (c == options_.escape) {
        next();
        escaped(out, escapes);
      } else {
        out += next();
      }
      WRENN_TRY(check_length(out));
    }
    if (stop != 0) return fail(Code::kInvalidArgument, "a \"${\" has no \"}\"", "add the brace");
    return out;
  }

  base::Result<void> check_length(const std::string& out) const {
    if (out.size() <= options_.longest) return {};
    return fail(Code::kResourceExhausted,
                concat("a value would be longer than ", options_.longest, " bytes"),
                "put it in a file");
  }

  void escaped(std::string& out, Escapes escapes) {
    if (options_.quotes == ExpandOptions::Quotes::kKept) {
      const bool undone = std::string_view("$`").contains(peek()) || peek() == options_.escape;
      if (at_end() || !undone) out += options_.escape;
    } else if (escapes == Escapes::kKept) {
      out += options_.escape;
    }
    if (!at_end()) out += next();
  }

  base::Result<void> single_quotes(std::string& out) {
    next();
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) {
      return fail(Code::kInvalidArgument, "a single quote has no end",
                  "add the quote, or put a \\ before the one there is");
    }
    out += rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return {};
  }

  base::Result<void> double_quotes(std::string& out) {
    next();
    while (!at_end()) {
      const char c = peek();
      if (c == '"') {
        next();
        return {};
      }
      if (c == '$') {
        WRENN_TRY_ASSIGN(const std::string value, dollar());
        out += value;
      } else if (c == options_.escape) {
        next();
        if (at_end()) break;
        const bool undone = peek() == '"' || peek() == '$' || peek() == options_.escape;
        if (!undone) out += options_.escape;
        out += next();
      } else {
        out += next();
      }
      WRENN_TRY(check_length(out));
    }
    return fail(Code::kInvalidArgument, "a double quote has no end",
                "add the quote, or put a \\ before the one there is");
  }

  std::optional<std::string> value_of(const std::string& name) const {
    if (environment_ == nullptr) return std::nullopt;
    const auto found = environment_->find(name);
    if (found == environment_->end()) return std::nullopt;
    return found->second;
  }

  // A name, a number, or one of the shell's special parameters; empty if none of them is there.
  std::string name() {
    std::string out;
    if (is_digit(peek())) {
      while (is_digit(peek())) out += next();
    } else if (!at_end() && std::string_view("@*#?-$!").contains(peek())) {
      out += next();
    } else {
      while (is_name_byte(peek())) out += next();
    }
    return out;
  }

  base::Result<std::string> dollar() {
    next();
    if (peek() != '{') {
      const std::string variable = name();
      if (variable.empty()) return "$";
      return value_of(variable).value_or("");
    }
    next();
    if (++nested_ > kMostNested) {
      return fail(Code::kInvalidArgument,
                  concat("substitutions are nested deeper than ", kMostNested),
                  "use an ARG for a part of it");
    }
    const std::string variable = name();
    if (variable.empty()) {
      return fail(Code::kInvalidArgument, "a \"${\" has no name of a variable",
                  "write ${NAME}, or \\$ for a dollar sign");
    }
    WRENN_TRY_ASSIGN(std::string value, substitution(variable));
    --nested_;
    return value;
  }

  // What follows the name in "${NAME...}".
  base::Result<std::string> substitution(const std::string& variable) {
    const auto value = value_of(variable);
    if (peek() == '}') {
      next();
      return value.value_or("");
    }
    if (at_end()) return fail(Code::kInvalidArgument, "a \"${\" has no \"}\"", "add the brace");
    char operation = next();
    bool is_set = value.has_value();
    if (operation == ':' && !at_end() && std::string_view("-+?").contains(peek())) {
      is_set = is_set && !value->empty();
      operation = next();
    }
    switch (operation) {
      case '-':
      case '+':
      case '?':
        return choose(operation, variable, value.value_or(""), is_set);
      case '#':
      case '%':
        return trimmed(operation, value.value_or(""));
      case '/':
        return replaced(value.value_or(""));
      default:
        return fail(Code::kInvalidArgument,
                    concat("${", variable, std::string_view(&operation, 1), "...} is not known"),
                    "the substitutions are :- :+ :? - + ? # ## % %% / and //");
    }
  }

  base::Result<std::string> choose(char operation, const std::string& variable, std::string value,
                                   bool is_set) {
    WRENN_TRY_ASSIGN(std::string word, until('}', Escapes::kUndone));
    if (operation == '-') return is_set ? std::move(value) : std::move(word);
    if (operation == '+') return is_set ? std::move(word) : std::string();
    if (is_set || environment_ == nullptr) return value;
    return fail(Code::kFailedPrecondition,
                concat(variable, ": ", word.empty() ? "it must be set, and not empty" : word),
                concat("give it a value with ARG, ENV or --build-arg ", variable, "=..."));
  }

  base::Result<std::string> trimmed(char operation, const std::string& value) {
    auto length = ValuePattern::Length::kShortest;
    if (peek() == operation) {
      next();
      length = ValuePattern::Length::kLongest;
    }
    WRENN_TRY_ASSIGN(const std::string pattern, until('}', Escapes::kKept));
    if (operation == '#') return ValuePattern(pattern).without_prefix(value, length);
    return ValuePattern(pattern).without_suffix(value, length);
  }

  base::Result<std::string> replaced(const std::string& value) {
    auto which = ValuePattern::Which::kFirst;
    if (peek() == '/') {
      next();
      which = ValuePattern::Which::kAll;
    }
    WRENN_TRY_ASSIGN(const std::string pattern, until('/', Escapes::kKept));
    WRENN_TRY_ASSIGN(const std::string replacement, until('}', Escapes::kUndone));
    WRENN_TRY_ASSIGN(std::string out, ValuePattern(pattern).replace(value, replacement, which));
    WRENN_TRY(check_length(out));
    return out;
  }

  std::string_view rest_;
  const Environment* environment_;
  const ExpandOptions& options_;
  int nested_ = 0;
};

}  // namespace

base::Result<std::string> expand_word(std::string_view word, const Environment& environment,
                                      const ExpandOptions& options) {
  return Expander(word, &environment, options).whole();
}

base::Result<void> check_word(std::string_view word, const ExpandOptions& options) {
  WRENN_TRY(Expander(word, nullptr, options).whole());
  return {};
}

base::Result<std::string> expand_recipe_value(std::string_view text, const Environment& environment,
                                              std::size_t longest) {
  std::string out;
  const auto append = [&](std::string_view name) {
    const auto found = environment.find(std::string(name));
    if (found != environment.end()) out += found->second;
  };
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '$') {
      out += c;
    } else if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
    } else if (const std::size_t end = text.find('}');
               text.starts_with('{') && end != std::string_view::npos) {
      append(text.substr(1, end - 1));
      text.remove_prefix(end + 1);
    } else {
      std::size_t length = 0;
      while (length < text.size() && is_name_byte(text[length])) ++length;
      if (length == 0) out += '$';
      append(text.substr(0, length));
      text.remove_prefix(length);
    }
    if (out.size() > longest) {
      return fail(Code::kResourceExhausted,
                  concat("a value would be longer than ", longest, " bytes"), "put it in a file");
    }
  }
  return out;
}

}  // namespace wrenn::recipe
