#include "cli/template_reference.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_template_name(std::string_view text) {
  constexpr std::size_t kMaxName = 64;
  return !text.empty() && text.size() <= kMaxName && is_plain(text.front()) &&
         std::ranges::all_of(
             text, [](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

base::Result<TemplateReference> parse_template_reference(std::string_view text) {
  const auto refuse = [text] {
    return base::fail(
        base::Code::kInvalidArgument, base::concat("'", text, "' does not name a template"),
        "write NAME, NAME:TAG or NAME@VERSION; names and tags are up to 64 letters, digits, '.', "
        "'_' and '-', and begin with a letter or a digit");
  };
  const std::size_t end = text.find_first_of(":@");
  TemplateReference reference{.name = std::string(text.substr(0, end))};
  if (!is_template_name(reference.name)) return refuse();
  if (end == std::string_view::npos) return reference;
  const std::string_view rest = text.substr(end + 1);
  if (text[end] == ':') {
    if (!is_template_name(rest)) return refuse();
    reference.tag = rest;
    return reference;
  }
  const auto version = base::parse_int<std::int64_t>(rest);
  if (!version || *version < 1 || rest.starts_with('0')) return refuse();
  reference.version = *version;
  return reference;
}

}  // namespace wrenn::cli
