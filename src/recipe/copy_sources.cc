#include "recipe/copy_sources.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "recipe/glob.h"
#include "recipe/ignore_file.h"
#include "recipe/paths.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;
using base::fail;

constexpr std::size_t kMostPlaced = 2'000'000;
constexpr std::size_t kMostTries = 20'000'000;
constexpr int kMostLinks = 40;

// A path of the context; a directory that is only implied has no entry.
using Node = std::optional<std::size_t>;
using Tree = std::map<std::string, Node, std::less<>>;

// What --parents keeps of a match: all of it, or what stands behind "/./" in the source.
std::string kept_path(std::string_view source, const std::string& match) {
  const std::size_t pivot = source.find("/./");
  if (pivot == std::string_view::npos) return match;
  const std::string before = relative_path(source.substr(0, pivot)).value_or("");
  if (before.empty() || !match.starts_with(concat(before, "/"))) return match;
  return match.substr(before.size() + 1);
}

class Placer {
 public:
  Placer(std::span<const ContextEntry> context, const Copy& copy, Destination destination,
         std::size_t others)
      : context_(context), copy_(copy) {
    for (std::size_t index = 0; index < context.size(); ++index) {
      const std::string& path = context[index].path;
      tree_[path] = index;
      for (std::string_view parent = parent_of(path); !parent.empty(); parent = parent_of(parent)) {
        if (!tree_.try_emplace(std::string(parent)).second) break;
      }
    }
    into_directory_ = destination == Destination::kDirectory || copy.destination.ends_with('/') ||
                      copy.sources.size() + others > 1;
    is_there_ = destination == Destination::kDirectory;
  }

  base::Result<std::vector<PlacedEntry>> place() {
    WRENN_TRY_ASSIGN(exclude_, IgnoreFile::from_patterns(copy_.exclude));
    for (const std::string& source : copy_.sources) WRENN_TRY(place_source(source));
    std::vector<PlacedEntry> out;
    out.reserve(placed_.size());
    for (const auto& [path, entry] : placed_) out.push_back({entry, path});
    return out;
  }

 private:
  bool as_cp() const { return copy_.directories == Copy::Directories::kAsCp; }

  base::Result<void> place_source(const std::string& source) {
    // Docker sees a slash at the beginning as the root of the context.
    std::string_view text = source;
    while (text.starts_with('/')) text.remove_prefix(1);
    const auto path = relative_path(text);
    if (!path) {
      return fail(
          Code::kInvalidArgument, concat("the source \"", source, "\" leads out of the context"),
          "name it from the root of the context; begin the build in a directory that has all "
          "it needs");
    }
    WRENN_TRY_ASSIGN(const std::vector<std::string> matches, find(source, *path));
    if (matches.size() > 1 && !into_directory_) {
      return fail(Code::kInvalidArgument,
                  concat("the source \"", source, "\" matches ", matches.size(),
                         " files, and the destination is no directory"),
                  concat("write ", copy_.destination, "/"));
    }
    // cp -r makes no difference between "dir" and "dir/", but "dir/." is what is in it.
    const bool contents = !as_cp() || text.empty() || text == "." || text.ends_with("/.");
    for (const std::string& match : matches) {
      WRENN_TRY(place_match(match, copy_.keep_parents ? kept_path(text, match) : "", contents));
    }
    return {};
  }

  base::Result<std::vector<std::string>> find(const std::string& source, const std::string& path) {
    if (path.empty()) return std::vector<std::string>{""};
    std::vector<std::string> out;
    std::string literal = path;
    if (!as_cp()) {
      WRENN_TRY_ASSIGN(const Glob glob, Glob::parse(path, Glob::DoubleStar::kNone));
      if (!glob.is_literal()) {
        tries_ += tree_.size();
        if (tries_ > kMostTries) {
          return fail(Code::kResourceExhausted, "there are too many sources with wildcards",
                      "copy their directory, with --exclude for what is not wanted");
        }
        for (const auto& [candidate, node] : tree_) {
          if (glob.matches(candidate)) out.push_back(candidate);
        }
      }
      literal = glob.literal();
    }
    if (out.empty() && tree_.contains(literal)) out.push_back(literal);
    if (!out.empty()) return out;
    return fail(Code::kNotFound, concat("the source \"", source, "\" is not in the context"),
                "check its name, and whether .dockerignore leaves it out");
  }

  // Where a link in the context leads to, or what is no link; the empty path is the root.
  base::Result<std::string> follow(std::string path) const {
    for (int links = 0; links < kMostLinks; ++links) {
      const auto found = tree_.find(path);
      if (path.empty() || (found != tree_.end() && !is_link(found->second))) return path;
      if (found == tree_.end()) break;
      const std::string& target = context_[*found->second].target;
      path = join_path(concat("/", parent_of(path)), target).substr(1);
    }
    return fail(Code::kNotFound,
                concat("the source is a link to \"", path, "\", which is not in the context"),
                "copy what it leads to");
  }

  bool is_link(const Node& node) const {
    return node && context_[*node].type == ContextEntry::Type::kSymlink;
  }
  bool is_directory(const Node& node) const {
    return !node || context_[*node].type == ContextEntry::Type::kDirectory;
  }

  base::Result<void> place_match(const std::string& match, const std::string& parents,
                                 bool contents) {
    std::string path = match;
    if (!as_cp()) {
      WRENN_TRY_ASSIGN(path, follow(match));
    }
    const Node node = path.empty() ? Node() : tree_.find(path)->second;
    if (!is_directory(node)) {
      if (exclude_.ignores(name_of(match))) return {};
      const std::string name = !parents.empty()  ? parents
                               : into_directory_ ? std::string(name_of(match))
                                                 : std::string();
      return add(name, *node);
    }
    std::string prefix = parents;
    // cp -r: a directory goes into one that is there, and else becomes it.
    const bool inside = is_there_ || copy_.sources.size() > 1;
    if (!contents && inside) prefix = name_of(match);
    if (!contents || copy_.keep_parents) {
      if (node) WRENN_TRY(add(prefix, *node));
    }
    return place_below(path, prefix);
  }

  base::Result<void> place_below(const std::string& directory, const std::string& prefix) {
    const std::string start = directory.empty() ? "" : concat(directory, "/");
    for (auto at = tree_.lower_bound(start); at != tree_.end() && at->first.starts_with(start);
         ++at) {
      const std::string_view name = std::string_view(at->first).substr(start.size());
      if (++visited_ > kMostPlaced) {
        return fail(Code::kResourceExhausted,
                    concat("a copy has more than ", kMostPlaced, " files"), "copy less at a time");
      }
      if (!at->second || exclude_.ignores(name)) continue;
      WRENN_TRY(add(prefix.empty() ? std::string(name) : concat(prefix, "/", name), *at->second));
    }
    return {};
  }

  base::Result<void> add(std::string path, std::size_t entry) {
    WRENN_TRY_ASSIGN(placed_[std::move(path)], file_of(entry));
    return {};
  }

  // The file that a hard link is a name of.
  base::Result<std::size_t> file_of(std::size_t entry) const {
    for (int links = 0; links < kMostLinks; ++links) {
      if (context_[entry].type != ContextEntry::Type::kHardlink) return entry;
      const auto target = tree_.find(context_[entry].target);
      if (target == tree_.end() || !target->second) break;
      entry = *target->second;
    }
    return fail(Code::kInvalidArgument,
                concat("\"", context_[entry].path, "\" is a hard link to no file"),
                "make the archive of the context anew");
  }

  std::span<const ContextEntry> context_;
  const Copy& copy_;
  Tree tree_;
  IgnoreFile exclude_;
  bool into_directory_ = false;
  bool is_there_ = false;
  std::size_t tries_ = 0;
  std::size_t visited_ = 0;
  std::map<std::string, std::size_t> placed_;
};

}  // namespace

base::Result<std::vector<PlacedEntry>> place_sources(std::span<const ContextEntry> context,
                                                     const Copy& copy, Destination destination,
                                                     std::size_t others) {
  return Placer(context, copy, destination, others).place();
}

std::vector<CopiedFile> copied_files(std::span<const ContextEntry> context,
                                     std::span<const PlacedEntry> placed,
                                     std::span<const std::string> digests, const Copy& copy) {
  std::vector<CopiedFile> out;
  out.reserve(placed.size());
  for (const PlacedEntry& one : placed) {
    const ContextEntry& entry = context[one.entry];
    CopiedFile file;
    file.path = one.path;
    file.mode = entry.mode;
    if (entry.type == ContextEntry::Type::kDirectory) {
      file.type = CopiedFile::Type::kDirectory;
    } else if (entry.type == ContextEntry::Type::kSymlink) {
      file.type = CopiedFile::Type::kSymlink;
      file.digest = entry.target;
      // Tools differ in what they write, and no system looks at it.
      file.mode = 0777;
    } else {
      file.digest = digests[one.entry];
    }
    // --chmod is a part of the action, and the mode before it makes no difference.
    if (!copy.chmod.empty()) file.mode = 0;
    out.push_back(std::move(file));
  }
  return out;
}

base::Result<std::string> url_file_name(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view path = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  path = path.substr(0, path.find_first_of("?#"));
  const std::size_t slash = path.find('/');
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  const auto name = base::percent_decode(name_of(path));
  if (name && !name->empty() && *name != "." && *name != ".." && name->size() <= 255 &&
      !name->contains('/') && !name->contains('\0')) {
    return *name;
  }
  return fail(Code::kInvalidArgument, concat("\"", url, "\" does not say how the file is called"),
              "write the destination with the name of the file, without a slash at its end");
}

PackedAs packed_as(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return PackedAs::kGzip;
  if (first_bytes.starts_with("BZh")) return PackedAs::kBzip2;
  if (first_bytes.starts_with(std::string_view("\xfd"
                                               "7zXZ\0",
                                               6)))
    return PackedAs::kXz;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return PackedAs::kZstd;
  if (first_bytes.size() >= 262 && first_bytes.substr(257, 5) == "ustar") return PackedAs::kTar;
  return PackedAs::kNothing;
}

}  // namespace wrenn::recipe
