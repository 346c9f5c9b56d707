#include "envd/guest_path.h"

#include "base/strings.h"

namespace wrenn::envd {
namespace {

// Absolute, without empty parts, "." and "..", and without a slash at the end.
base::Path normalized(std::string_view directory, std::string_view text) {
  std::vector<std::string_view> parts;
  for (const std::string_view path : {directory, text}) {
    for (const std::string_view part : base::split(path, '/')) {
      if (part == "..") {
        if (!parts.empty()) parts.pop_back();
      } else if (!part.empty() && part != ".") {
        parts.push_back(part);
      }
    }
  }
  std::string joined;
  for (const std::string_view part : parts) joined += base::concat("/", part);
  return joined.empty() ? "/" : joined;
}

}  // namespace

base::Result<base::Path> resolve_path(std::string_view text, const base::Path& home,
                                      const base::Path& directory) {
  using base::Code;
  if (text.find('\0') != std::string_view::npos) {
    return base::fail(Code::kInvalidArgument, "a path cannot contain a NUL byte");
  }
  if (text.size() > kMaxPath) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("a path cannot be longer than ", kMaxPath, " bytes"));
  }
  if (text == "~") return normalized(home.native(), "");
  if (text.starts_with("~/")) return normalized(home.native(), text.substr(2));
  if (text.starts_with('~')) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("the path ", text, " names another user's home"),
                      "write the path in full, or \"./~name\" for a file of that name");
  }
  const bool is_absolute = text.starts_with('/');
  return normalized(is_absolute ? std::string_view() : directory.native(), text);
}

}  // namespace wrenn::envd
