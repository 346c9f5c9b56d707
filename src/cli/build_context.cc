#include "cli/build_context.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/crypto.h"
#include "base/strings.h"
#include "cli/table.h"
#include "recipe/tar_writer.h"

namespace wrenn::cli {
namespace {

using base::Code;
using base::concat;
using base::Result;
using recipe::ContextEntry;

constexpr std::string_view kIgnoreIt = "leave it out with a line in .dockerignore";

std::unexpected<base::Error> fail_with(int number, std::string_view what, std::string_view path) {
  auto error = base::errno_error(number, concat(what, " '", printable(path), "'"));
  error.remedy = number == ENOENT ? "the files must stay as they are meanwhile; try again"
                                  : concat("make it readable, or ", kIgnoreIt);
  return base::fail(std::move(error));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Walks through a directory. It is never left: each path is looked at from its root, without
// following a link at its end.
class Lister {
 public:
  Lister(const recipe::IgnoreFile& ignore, base::Fd root)
      : ignore_(ignore), root_(std::move(root)) {}

  Result<ContextListing> run() {
    WRENN_TRY(walk(""));
    std::ranges::sort(out_.entries, {}, &ContextEntry::path);
    return std::move(out_);
  }

 private:
  Result<std::vector<std::string>> names_in(const std::string& path) const {
    base::Fd fd(::openat(root_.get(), path.empty() ? "." : path.c_str(),
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd.valid()) return fail_with(errno, "cannot list", path);
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd.get()));
    if (!directory) return fail_with(errno, "cannot list", path);
    (void)fd.release();  // It is the directory's now.
    std::vector<std::string> names;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) break;
      std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(std::move(name));
    }
    if (errno != 0) return fail_with(errno, "cannot list", path);
    return names;
  }

  // Depth is bounded by the length of a path.
  Result<void> walk(const std::string& directory) {
    WRENN_TRY_ASSIGN(const auto names, names_in(directory));
    for (const std::string& name : names) {
      WRENN_TRY(visit(directory.empty() ? name : concat(directory, '/', name)));
    }
    return {};
  }

  Result<void> visit(const std::string& path) {
    const bool is_ignored = ignore_.ignores(path);
    if (is_ignored && !ignore_.may_keep_below(path)) return {};
    struct stat info{};
    if (::fstatat(root_.get(), path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      return fail_with(errno, "cannot look at", path);
    }
    const bool is_directory = S_ISDIR(info.st_mode);
    if (is_ignored && !is_directory) return {};
    WRENN_TRY(check_path(path));
    ContextEntry entry{.path = path, .mode = info.st_mode & 07777u, .target = {}};
    if (is_directory) return visit_directory(std::move(entry), is_ignored);
    if (S_ISREG(info.st_mode)) {
      entry.size = static_cast<std::uint64_t>(info.st_size);
      ++out_.files;
      out_.size += entry.size;
    } else if (S_ISLNK(info.st_mode)) {
      entry.type = ContextEntry::Type::kSymlink;
      WRENN_TRY_ASSIGN(entry.target, target_of(path));
    } else {
      out_.skipped.push_back(path);
      return {};
    }
    return keep(std::move(entry));
  }

  // A directory that is ignored is there for the sake of what is in it, if there is anything.
  Result<void> visit_directory(ContextEntry entry, bool is_ignored) {
    entry.type = ContextEntry::Type::kDirectory;
    const std::string path = entry.path;
    if (is_ignored) {
      pending_.push_back(std::move(entry));
    } else {
      WRENN_TRY(keep(std::move(entry)));
    }
    WRENN_TRY(walk(path));
    if (!pending_.empty() && pending_.back().path == path) pending_.pop_back();
    return {};
  }

  Result<std::string> target_of(const std::string& path) const {
    std::string target(recipe::ArchiveLimits{}.path + 1, '\0');
    const ssize_t n = ::readlinkat(root_.get(), path.c_str(), target.data(), target.size());
    if (n < 0) return fail_with(errno, "cannot read the link", path);
    target.resize(static_cast<std::size_t>(n));
    return target;
  }

  // What the other side would refuse is better said before it is sent.
  static Result<void> check_path(const std::string& path) {
    if (!base::is_valid_utf8(path)) {
      return base::fail(Code::kInvalidArgument,
                        concat("the name of '", printable(base::to_valid_utf8(path)),
                               "' is not UTF-8, so that nothing can copy it"),
                        concat("rename it, or ", kIgnoreIt));
    }
    if (path.size() > recipe::ArchiveLimits{}.path) {
      return base::fail(Code::kInvalidArgument,
                        concat("the path '", printable(shortened(path, 60)), "' is too long"),
                        std::string(kIgnoreIt));
    }
    return {};
  }

  Result<void> keep(ContextEntry entry) {
    for (ContextEntry& parent : pending_) out_.entries.push_back(std::move(parent));
    pending_.clear();
    out_.entries.push_back(std::move(entry));
    names_ += out_.entries.back().path.size();
    const recipe::ArchiveLimits limits;
    if (out_.entries.size() > limits.entries || names_ > limits.names || out_.size > kMaxContext) {
      return base::fail(
          Code::kResourceExhausted,
          concat("the directory has more than a build takes: ", limits.entries, " files, or ",
                 base::human_bytes(kMaxContext)),
          "leave out what the build does not need, in .dockerignore, or give a smaller directory");
    }
    return {};
  }

  const recipe::IgnoreFile& ignore_;
  const base::Fd root_;
  ContextListing out_;
  std::vector<ContextEntry> pending_;  // Ignored directories above here, outermost first.
  std::size_t names_ = 0;
};

Result<base::Fd> nameless_file() {
  std::error_code unknown;
  base::Path directory = std::filesystem::temp_directory_path(unknown);
  if (unknown) directory = "/tmp";
  base::Fd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) return fd;
  // Not every file system has files without a name from the beginning.
  std::string name = (directory / "wrenn-context-XXXXXX").native();
  fd = base::Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd.valid()) {
    auto error = base::errno_error(errno, concat("cannot make a file in ", directory.native()));
    error.remedy = "set TMPDIR to a directory with room for the build's files";
    return base::fail(std::move(error));
  }
  ::unlink(name.c_str());
  return fd;
}

// Writes the archive, and knows its digest in the end.
class Packer {
 public:
  Packer(base::Fd root, base::Fd file, const std::function<void(std::uint64_t)>& on_progress)
      : root_(std::move(root)), file_(std::move(file)), on_progress_(on_progress) {}

  Result<void> add(const ContextEntry& entry) {
    std::string bytes;
    recipe::append_tar_header(bytes, entry);
    WRENN_TRY(write(bytes));
    if (entry.type != ContextEntry::Type::kFile) return {};
    WRENN_TRY(add_content(entry));
    bytes.clear();
    recipe::append_tar_padding(bytes, entry.size);
    return write(bytes);
  }

  Result<ContextArchive> finish() {
    std::string bytes;
    recipe::append_tar_end(bytes);
    WRENN_TRY(write(bytes));
    if (size_ > kMaxContext) {
      return base::fail(Code::kResourceExhausted,
                        concat("the build's files are more than ", base::human_bytes(kMaxContext)),
                        "leave out what the build does not need, in .dockerignore");
    }
    if (::lseek(file_.get(), 0, SEEK_SET) != 0) {
      return base::fail_errno(errno, "cannot read the archive of the build's files");
    }
    return ContextArchive{std::move(file_), size_, hash_.finish_hex()};
  }

 private:
  Result<void> write(std::string_view bytes) {
    hash_.update(bytes);
    size_ += bytes.size();
    auto written = base::write_all(file_.get(), bytes);
    if (written) return written;
    auto error = std::move(written).error().with_context("cannot write the build's files");
    error.remedy = "set TMPDIR to a directory with room for them";
    return base::fail(std::move(error));
  }

  Result<void> add_content(const ContextEntry& entry) {
    const base::Fd fd(
        ::openat(root_.get(), entry.path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid()) return fail_with(errno, "cannot read", entry.path);
    const auto changed = [&entry] {
      return base::fail(Code::kAborted,
                        concat("'", printable(entry.path), "' changed while it was read"),
                        "the files must stay as they are meanwhile; try again");
    };
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return fail_with(errno, "cannot look at", entry.path);
    if (!S_ISREG(info.st_mode)) return changed();
    for (std::uint64_t left = entry.size; true;) {
      const ssize_t n = ::read(fd.get(), block_.data(), block_.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_with(errno, "cannot read", entry.path);
      const auto count = static_cast<std::uint64_t>(n);
      if (count > left || (count == 0 && left > 0)) return changed();
      if (count == 0) return {};
      left -= count;
      WRENN_TRY(write(std::string_view(block_).substr(0, count)));
      on_progress_(read_ += count);
    }
  }

  const base::Fd root_;
  base::Fd file_;
  const std::function<void(std::uint64_t)>& on_progress_;
  base::Sha256 hash_;
  std::uint64_t size_ = 0;
  std::uint64_t read_ = 0;
  std::string block_ = std::string(std::size_t{256} << 10, '\0');
};

}  // namespace

Result<recipe::IgnoreFile> read_ignore_file(const base::Path& directory,
                                            const base::Path& definition) {
  for (const base::Path& path :
       {base::Path(concat(definition.native(), ".dockerignore")), directory / ".dockerignore"}) {
    const auto text = base::read_file(path);
    if (!text && text.error().code == Code::kNotFound) continue;
    if (!text) return base::fail(text.error());
    auto parsed = recipe::IgnoreFile::parse(*text);
    if (!parsed) return base::fail(std::move(parsed).error().with_context(path.native()));
    return parsed;
  }
  return recipe::IgnoreFile();
}

Result<ContextListing> list_context(const base::Path& directory, const recipe::IgnoreFile& ignore) {
  WRENN_TRY_ASSIGN(base::Fd root, base::open_file(directory, O_RDONLY | O_DIRECTORY));
  return Lister(ignore, std::move(root)).run();
}

Result<ContextArchive> pack_context(const base::Path& directory, const ContextListing& listing,
                                    const std::function<void(std::uint64_t bytes)>& on_progress) {
  WRENN_TRY_ASSIGN(base::Fd root, base::open_file(directory, O_RDONLY | O_DIRECTORY));
  WRENN_TRY_ASSIGN(base::Fd file, nameless_file());
  Packer packer(std::move(root), std::move(file), on_progress);
  for (const ContextEntry& entry : listing.entries) WRENN_TRY(packer.add(entry));
  return packer.finish();
}

}  // namespace wrenn::cli
