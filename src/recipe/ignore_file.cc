#include "recipe/ignore_file.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/paths.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;

constexpr std::size_t kMaxIgnoreFile = std::size_t{1} << 20;
constexpr std::size_t kMaxPatterns = 10'000;

// Whether a pattern for something below the directory could look like this: as far as it has no
// wildcards they must agree.
bool may_be_below(std::string_view pattern, std::string_view directory) {
  const std::string_view fixed = pattern.substr(0, pattern.find_first_of("*?[\\"));
  const std::string below = concat(directory, "/");
  if (fixed.size() == pattern.size()) return concat(fixed, "/").starts_with(below);
  return fixed.starts_with(below) || std::string_view(below).starts_with(fixed);
}

}  // namespace

base::Result<void> IgnoreFile::add(std::string_view line) {
  std::string_view pattern = base::trim(line);
  if (pattern.empty()) return {};
  Rule rule;
  if (pattern.starts_with('!')) {
    rule.keep = true;
    pattern = base::trim(pattern.substr(1));
    if (pattern.empty()) {
      return base::fail(Code::kInvalidArgument, "a \"!\" has no pattern",
                        "write what is not to be ignored behind it, or remove it");
    }
  }
  // A slash at the beginning means the root of the context, which all are seen from.
  rule.text = join_path("/", pattern).substr(1);
  // The context itself cannot be ignored.
  if (rule.text.empty()) return {};
  if (rules_.size() == kMaxPatterns) {
    return base::fail(Code::kResourceExhausted,
                      concat("there are more than ", kMaxPatterns, " patterns"),
                      "ignore whole directories");
  }
  WRENN_TRY_ASSIGN(rule.glob, Glob::parse(rule.text, Glob::DoubleStar::kDirectories));
  rules_.push_back(std::move(rule));
  return {};
}

base::Result<IgnoreFile> IgnoreFile::parse(std::string_view text) {
  if (text.size() > kMaxIgnoreFile) {
    return base::fail(Code::kResourceExhausted,
                      concat("it has more than ", base::human_bytes(kMaxIgnoreFile)),
                      "ignore whole directories");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  IgnoreFile out;
  std::size_t number = 0;
  for (const std::string_view line : base::split(text, '\n')) {
    ++number;
    if (line.starts_with('#')) continue;
    if (auto added = out.add(line); !added) {
      return std::unexpected(std::move(added).error().with_context(concat("line ", number)));
    }
  }
  return out;
}

base::Result<IgnoreFile> IgnoreFile::from_patterns(const std::vector<std::string>& patterns) {
  IgnoreFile out;
  for (const std::string& pattern : patterns) WRENN_TRY(out.add(pattern));
  return out;
}

bool IgnoreFile::ignores(std::string_view path) const {
  bool ignored = false;
  for (const Rule& rule : rules_) {
    // A rule that would change nothing need not be looked at.
    if (ignored != rule.keep) continue;
    // What is in a directory goes with it.
    for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
      if (rule.glob.matches(path.substr(0, end))) {
        ignored = !rule.keep;
        break;
      }
      if (end == std::string_view::npos) break;
    }
  }
  return ignored;
}

bool IgnoreFile::may_keep_below(std::string_view directory) const {
  return std::ranges::any_of(rules_, [directory](const Rule& rule) {
    return rule.keep && may_be_below(rule.text, directory);
  });
}

}  // namespace wrenn::recipe
