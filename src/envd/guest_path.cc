#include "envd/guest_path.h"

#include "base/strings.h"

namespace wrenn::envd {
namespace {

base::Path without_trailing_slash(const base::Path& path) {
  const base::Path normal = path.lexically_normal();
  return normal.has_filename() || normal == "/" ? normal : normal.parent_path();
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
  if (text == "~") return without_trailing_slash(home);
  if (text.starts_with("~/")) return without_trailing_slash(home / text.substr(2));
  if (text.starts_with('~')) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("the path ", text, " names another user's home"),
                      "write the path in full, or \"./~name\" for a file of that name");
  }
  return without_trailing_slash(directory / text);
}

}  // namespace wrenn::envd
