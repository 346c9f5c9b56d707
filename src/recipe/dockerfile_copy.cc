#include "recipe/dockerfile_copy.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/dockerfile.h"
#include "recipe/exec_form.h"
#include "recipe/expand.h"
#include "recipe/glob.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;

std::string_view name_of(Copy::Kind kind) {
  return kind == Copy::Kind::kAdd ? "ADD" : "COPY";
}

base::Result<void> take_copy_flags(std::size_t line, const FlagSet& flags, Copy& copy) {
  copy.chown = flags.value("chown").value_or("");
  copy.chmod = flags.value("chmod").value_or("");
  copy.checksum = flags.value("checksum").value_or("");
  copy.exclude = flags.values("exclude");
  WRENN_TRY_ASSIGN(copy.keep_parents, flags.is_set("parents", false));
  WRENN_TRY_ASSIGN(copy.unpack, flags.is_set("unpack", true));
  // A link layer is a matter of how Docker stores it: the files are the same.
  WRENN_TRY(flags.is_set("link", false));
  const auto from = flags.value("from");
  if (from && (from->empty() || from->contains('$'))) {
    return refuse_at(line, concat("--from=", *from, " does not name a stage"),
                     "write its name or number; variables cannot stand there, but FROM may have "
                     "them: FROM ${IMAGE} AS name");
  }
  copy.from_image = from.value_or("");
  if (!copy.chmod.empty() && !copy.chmod.contains('$') && !is_octal_mode(copy.chmod)) {
    return refuse_at(line, concat("--chmod=", copy.chmod, " is no mode"),
                     "write it in octal, as 755 or 0644");
  }
  return {};
}

// The words with the here-documents' taken out of them.
std::vector<std::string> take_documents(const std::vector<HereDocument>& documents,
                                        std::vector<std::string> words, Copy& copy) {
  for (const HereDocument& document : documents) {
    copy.files.push_back({document.name, document.content, document.expand});
    for (const std::string& part : split_at_space(document.word)) {
      const auto found = std::ranges::find(words, part);
      if (found != words.end()) words.erase(found);
    }
  }
  return words;
}

base::Result<void> check_sources(std::size_t line, const Copy& copy, char escape) {
  for (const std::string& source : copy.sources) {
    if (auto result = check_word(source, {.escape = escape}); !result) {
      return std::unexpected(std::move(result).error().with_context(concat("line ", line)));
    }
    if (copy.kind == Copy::Kind::kAdd) {
      if (auto result = refuse_git(source); !result) {
        return std::unexpected(std::move(result).error().with_context(concat("line ", line)));
      }
    } else if (is_url(source)) {
      return refuse_at(line, concat("COPY does not fetch \"", source, "\""), "use ADD");
    }
  }
  if (auto result = check_word(copy.destination, {.escape = escape}); !result) {
    return std::unexpected(std::move(result).error().with_context(concat("line ", line)));
  }
  const std::size_t count = copy.sources.size() + copy.files.size();
  if (count > 1 && !copy.destination.ends_with('/') && !copy.destination.contains('$') &&
      copy.destination != "." && copy.destination != "..") {
    return refuse_at(
        line,
        concat("several sources go to \"", copy.destination, "\", which does not end in a slash"),
        concat("write ", copy.destination, "/"));
  }
  for (const auto& file : copy.files) {
    if (file.name.contains('/') || file.name == "." || file.name == "..") {
      return refuse_at(line, concat("the here-document \"", file.name, "\" is no name of a file"),
                       "give it a name without slashes");
    }
  }
  return {};
}

base::Result<void> check_checksum(std::size_t line, const Copy& copy) {
  if (copy.checksum.empty() || copy.checksum.contains('$')) return {};
  const std::string_view checksum = copy.checksum;
  const auto digest =
      checksum.starts_with("sha256:") ? base::from_hex(checksum.substr(7)) : std::nullopt;
  if (!digest || digest->size() != 32) {
    return refuse_at(line, concat("--checksum=", checksum, " is no checksum"),
                     "write sha256: and 64 hexadecimal digits");
  }
  if (copy.sources.size() + copy.files.size() != 1) {
    return refuse_at(line, "--checksum is about one source, and there are several",
                     "write an ADD for each");
  }
  return {};
}

}  // namespace

base::Result<Copy> parse_copy(const InstructionText& text, std::string_view arguments,
                              Copy::Kind kind, InstructionContext& context) {
  const std::vector<std::string_view> known =
      kind == Copy::Kind::kAdd
          ? std::vector<std::string_view>{"chown", "chmod",        "checksum", "exclude",
                                          "link",  "keep-git-dir", "unpack"}
          : std::vector<std::string_view>{"from", "chown", "chmod", "exclude", "link", "parents"};
  WRENN_TRY_ASSIGN(const FlagSet flags, FlagSet::take(text.line, name_of(kind), arguments,
                                                      context.escape, known, {"exclude"}));
  Copy copy;
  copy.kind = kind;
  WRENN_TRY(take_copy_flags(text.line, flags, copy));
  auto words = parse_exec_form(flags.rest());
  if (!words) words = take_documents(text.documents, split_at_space(flags.rest()), copy);
  if (words->size() > kMaxWords) {
    return fail_at(text.line, Code::kResourceExhausted, "there are too many sources",
                   "copy their directory, with wildcards or --exclude");
  }
  if (words->size() + copy.files.size() < 2 || words->empty()) {
    return refuse_at(text.line, concat(name_of(kind), " needs a source and a destination"),
                     concat("write ", name_of(kind), " SOURCE... DESTINATION"));
  }
  copy.destination = std::move(words->back());
  words->pop_back();
  copy.sources = std::move(*words);
  if (!copy.files.empty() && !copy.from_image.empty()) {
    return refuse_at(text.line, "a here-document does not come from another stage",
                     "leave out --from, or write two instructions");
  }
  if (std::ranges::find(copy.sources, "") != copy.sources.end() || copy.destination.empty()) {
    return refuse_at(text.line, "a path is empty", "write . for the directory itself");
  }
  WRENN_TRY(check_sources(text.line, copy, context.escape));
  WRENN_TRY(check_checksum(text.line, copy));
  for (const std::string& pattern : copy.exclude) {
    if (auto glob = Glob::parse(pattern, Glob::DoubleStar::kDirectories); !glob) {
      return std::unexpected(
          std::move(glob).error().with_context(concat("line ", text.line, ": --exclude")));
    }
  }
  return copy;
}

bool is_url(std::string_view source) {
  const std::string lower = base::to_lower(source.substr(0, 8));
  return lower.starts_with("http://") || lower.starts_with("https://");
}

base::Result<void> refuse_git(std::string_view source) {
  std::string_view path = source.substr(0, source.find_first_of("#?"));
  const bool is_git = source.starts_with("git@") || source.starts_with("git://") ||
                      source.starts_with("ssh://") || (is_url(source) && path.ends_with(".git"));
  if (!is_git) return {};
  return base::fail(Code::kUnimplemented,
                    concat("ADD does not fetch the git repository \"", source, "\""),
                    "write RUN git clone ...");
}

bool is_octal_mode(std::string_view text) {
  return !text.empty() && text.size() <= 4 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
}

}  // namespace wrenn::recipe
