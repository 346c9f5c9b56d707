#include "recipe/dockerfile_lines.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/dockerfile.h"
#include "recipe/words.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;

std::string_view trim_left(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

bool is_comment(std::string_view line) {
  return trim_left(line).starts_with('#');
}

// Where a here-document is announced in an instruction.
struct Announcement {
  std::string word;
  std::string name;
  bool expand = true;
  bool strip_tabs = false;
};

// The name after "<<", without its quotes. Empty for what is no name.
std::string unquote_name(std::string_view text, bool& quoted) {
  std::string out;
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        out += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      quoted = true;
    } else if (c == '\\' && at + 1 < text.size()) {
      out += text[++at];
      quoted = true;
    } else if (std::string_view(";&|()<>").contains(c)) {
      break;
    } else {
      out += c;
    }
  }
  return quote == 0 ? out : std::string();
}

// "<<NAME", "3<<-NAME"; with a space between only what is surely a name.
std::optional<Announcement> announcement(std::string_view word, std::string_view following) {
  std::string_view rest = word;
  while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') rest.remove_prefix(1);
  if (!rest.starts_with("<<")) return std::nullopt;
  rest.remove_prefix(2);
  Announcement out;
  out.word = word;
  if (rest.starts_with('-')) {
    out.strip_tabs = true;
    rest.remove_prefix(1);
  }
  if (rest.starts_with('<')) return std::nullopt;
  if (rest.empty()) {
    if (following.empty()) return std::nullopt;
    const char first = following.front();
    const bool is_name = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
                         std::string_view("_'\"\\").contains(first);
    if (!is_name) return std::nullopt;
    out.word += concat(" ", following);
    rest = following;
  }
  bool quoted = false;
  out.name = unquote_name(rest, quoted);
  out.expand = !quoted;
  if (out.name.empty()) return std::nullopt;
  return out;
}

std::vector<Announcement> announcements(std::string_view text) {
  std::vector<Announcement> out;
  if (!text.contains("<<")) return out;
  const std::vector<std::string> words = split_words(text, '\\');
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto found = announcement(words[i], i + 1 < words.size() ? std::string_view(words[i + 1]) : "");
    if (found) out.push_back(std::move(*found));
  }
  return out;
}

bool may_have_documents(std::string_view text) {
  const std::string_view keyword = take_word(text).word;
  return base::equal_ignore_case(keyword, "RUN") || base::equal_ignore_case(keyword, "COPY") ||
         base::equal_ignore_case(keyword, "ADD");
}

class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }

  base::Result<DefinitionText> read() {
    WRENN_TRY(read_directives());
    while (!at_end()) {
      const std::size_t line = line_ + 1;
      const std::string_view first = trim_left(next_line());
      if (first.empty() || is_comment(first)) continue;
      if (out_.instructions.size() == kMaxInstructions) {
        return fail_at(line, Code::kResourceExhausted,
                       concat("there are more than ", kMaxInstructions, " instructions"),
                       "join some, or build a template in two steps");
      }
      InstructionText instruction;
      instruction.line = line;
      instruction.text = join_continued(first);
      WRENN_TRY(read_documents(instruction));
      out_.instructions.push_back(std::move(instruction));
    }
    return std::move(out_);
  }

 private:
  bool at_end() const { return rest_.empty(); }

  std::string_view next_line() {
    ++line_;
    const std::size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }

  // "# name=value" lines at the very top.
  base::Result<void> read_directives() {
    std::vector<std::string> seen;
    while (!at_end()) {
      const auto before = std::pair(rest_, line_);
      const std::string_view line = trim_left(next_line());
      const std::size_t equals = line.find('=');
      const std::string name = line.starts_with('#') && equals != std::string_view::npos
                                   ? base::to_lower(base::trim(line.substr(1, equals - 1)))
                                   : std::string();
      if (name != "syntax" && name != "escape" && name != "check") {
        std::tie(rest_, line_) = before;
        return {};
      }
      if (std::ranges::find(seen, name) != seen.end()) {
        return refuse_at(line_, concat("the directive \"", name, "\" stands there twice"),
                         "remove one of them");
      }
      WRENN_TRY(directive(name, base::trim(line.substr(equals + 1))));
      seen.push_back(name);
    }
    return {};
  }

  base::Result<void> directive(std::string_view name, std::string_view value) {
    if (name == "escape") {
      if (value != "\\" && value != "`") {
        return refuse_at(line_, concat("\"", value, "\" cannot be the escape character"),
                         "it is \\ or `");
      }
      out_.escape = value.front();
    } else if (name == "syntax" && !is_common_syntax(value)) {
      out_.warnings.push_back({line_, concat("the syntax \"", value,
                                             "\" is not fetched: this is read as a Dockerfile")});
    }
    return {};
  }

  static bool is_common_syntax(std::string_view value) {
    if (value.starts_with("docker.io/")) value.remove_prefix(10);
    return value == "docker/dockerfile" || value.starts_with("docker/dockerfile:");
  }

  // Takes away the escape at the end, if the line goes on.
  bool goes_on(std::string_view& line) const {
    std::string_view trimmed = line;
    while (trimmed.ends_with(' ') || trimmed.ends_with('\t')) trimmed.remove_suffix(1);
    if (!trimmed.ends_with(out_.escape)) return false;
    trimmed.remove_suffix(1);
    if (trimmed.ends_with(out_.escape)) return false;
    line = trimmed;
    return true;
  }

  std::string join_continued(std::string_view first) {
    bool more = goes_on(first);
    std::string out(first);
    while (more && !at_end()) {
      std::string_view line = next_line();
      if (is_comment(line)) continue;
      if (trim_left(line).empty()) {
        out_.warnings.push_back({line_, "an empty line within an instruction is left out"});
        continue;
      }
      more = goes_on(line);
      out += line;
    }
    while (!out.empty() && is_space(out.back())) out.pop_back();
    return out;
  }

  base::Result<void> read_documents(InstructionText& instruction) {
    if (!may_have_documents(instruction.text)) return {};
    for (auto& found : announcements(instruction.text)) {
      HereDocument document;
      document.name = found.name;
      document.expand = found.expand;
      document.word = found.word;
      if (!read_document(found, document)) {
        return refuse_at(instruction.line,
                         concat("the here-document \"", found.name, "\" has no end"),
                         concat("write a line that is just ", found.name));
      }
      instruction.documents.push_back(std::move(document));
    }
    return {};
  }

  bool read_document(const Announcement& found, HereDocument& document) {
    while (!at_end()) {
      std::string_view line = next_line();
      document.raw += line;
      document.raw += '\n';
      if (found.strip_tabs) {
        while (line.starts_with('\t')) line.remove_prefix(1);
      }
      if (line == found.name) return true;
      document.content += line;
      document.content += '\n';
    }
    return false;
  }

  std::string_view rest_;
  std::size_t line_ = 0;
  DefinitionText out_;
};

}  // namespace

base::Result<void> check_definition(std::string_view text) {
  if (text.size() > kMaxDefinition) {
    return base::fail(
        Code::kResourceExhausted,
        concat("the build definition has more than ", base::human_bytes(kMaxDefinition)),
        "put long texts into files and COPY them");
  }
  if (text.contains('\0')) {
    return base::fail(Code::kInvalidArgument, "the build definition has a NUL byte",
                      "save it as plain text (UTF-8)");
  }
  if (!base::is_valid_utf8(text)) {
    return base::fail(Code::kInvalidArgument, "the build definition is not UTF-8",
                      "save it as UTF-8");
  }
  return {};
}

base::Result<DefinitionText> read_dockerfile_lines(std::string_view text) {
  WRENN_TRY(check_definition(text));
  return LineReader(text).read();
}

}  // namespace wrenn::recipe
