#include "control/builds/build_copy.h"

#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "control/services.h"
#include "net/file_source.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using net::Task;
using recipe::CopyFiles;
using recipe::PlacedEntry;

// In the sandbox, for as long as a step takes. Not in memory, which a large archive would fill.
constexpr std::string_view kArchive = "/.wrenn-build.tar";

// $1 the directory, $2 the archive, $3 the owner of what has to be made.
constexpr const char* kUnpack = R"sh(
umask 022
made=
dir=$1
while [ ! -d "$dir" ]; do made=$dir; dir=$(dirname -- "$dir"); done
mkdir -p -- "$1"
[ -z "$made" ] || chown -R "$3" "$made"
tar -xpf "$2" -C "$1"
rm -f -- "$2")sh";

// $1 what may be there: says what is.
constexpr const char* kLook =
    R"sh(if [ -d "$1" ]; then echo directory; elif [ -e "$1" ]; then echo file; fi)sh";

// $1 the archive to write, $2 ... patterns below the root. A pattern's words are not split. What a
// link leads to is in the archive, too, since a source that is a link means that.
constexpr const char* kPack = R"sh(
archive=$1
shift
cd /
rm -f -- "$archive" "$archive.list"
add() {
  printf '%s\n' "$1" >>"$archive.list"
  [ -L "$1" ] && [ -e "$1" ] || return 0
  target=$(readlink -- "$1")
  case $target in /*) ;; *) target=/$(dirname -- "$1")/$target ;; esac
  dir=$(cd -- "$(dirname -- "$target")" && pwd -P)
  [ "$dir" != / ] || dir=
  target=$dir/$(basename -- "$target")
  add "${target#/}"
}
IFS=
for pattern in "$@"; do
  found=
  for file in $pattern; do
    if [ -e "$file" ] || [ -L "$file" ]; then
      add "$file"
      found=1
    fi
  done
  [ -n "$found" ] || { echo "nothing matches /$pattern" >&2; exit 1; }
done
tar --one-file-system --exclude='./.wrenn-build*' -cf "$archive" -T "$archive.list"
rm -f -- "$archive.list")sh";

// $1 the address, $2 the file, $3 its mode, $4 its owner, $5 its SHA-256 or nothing.
constexpr const char* kFetch = R"sh(
mkdir -p -- "$(dirname -- "$2")"
if command -v curl >/dev/null; then curl -fsSL --retry 3 -o "$2" -- "$1"
elif command -v wget >/dev/null; then wget -q -O "$2" -- "$1"
else echo "ADD of an address needs curl or wget in the sandbox: install one in a step before" >&2; exit 1
fi
if [ -n "$5" ]; then
  sum=$(sha256sum -- "$2" | cut -d' ' -f1)
  [ "$sum" = "$5" ] || { echo "the SHA-256 of $1 is $sum, not $5" >&2; exit 1; }
fi
chmod "$3" "$2"
chown "$4" "$2")sh";

// $1 the archive, $2 the directory: as ADD unpacks archives of the context.
constexpr const char* kUnpackAdded = R"sh(
mkdir -p -- "$2"
tar -xf "$1" -C "$2"
rm -f -- "$1")sh";

bool is_archive_name(std::string_view path) {
  for (const std::string_view end :
       {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"}) {
    if (path.ends_with(end)) return true;
  }
  return false;
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? std::string_view("/")
                                                       : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

Result<std::optional<std::uint32_t>> mode_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  std::uint32_t mode = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '7') {
      return base::fail(Code::kInvalidArgument,
                        concat("--chmod takes a mode in octal digits, not '", text, "'"));
    }
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  return mode & 07777;
}

class Copying {
 public:
  Copying(Services& services, BuildGuest& guest, const CopyFiles& files, CopySource source)
      : services_(services), guest_(guest), files_(files), source_(source) {}

  Task<Result<void>> run() {
    WRENN_CO_TRY_ASSIGN(mode_, mode_of(copy().chmod));
    WRENN_CO_TRY_ASSIGN(owner_, co_await guest_.find_owner(files_.owner));
    WRENN_CO_TRY_ASSIGN(const recipe::Destination there, co_await look());
    if (!copy().sources.empty()) WRENN_CO_TRY(co_await copy_sources(there));
    for (const auto& file : copy().files) WRENN_CO_TRY(co_await write_inline(file, there));
    for (const auto& url : files_.urls) WRENN_CO_TRY(co_await fetch(url, there));
    co_return {};
  }

 private:
  const recipe::Copy& copy() const { return files_.copy; }
  std::string owner_text() const { return concat(owner_.uid, ":", owner_.gid); }

  // Where a single file goes.
  std::string file_path(std::string_view name, recipe::Destination there) const {
    const std::string& to = copy().destination;
    if (to.ends_with('/')) return concat(to, name);
    if (there == recipe::Destination::kDirectory) return concat(to, "/", name);
    return to;
  }

  Task<Result<recipe::Destination>> look() {
    if (copy().destination.ends_with('/')) co_return recipe::Destination::kDirectory;
    WRENN_CO_TRY_ASSIGN(const std::string said,
                        co_await guest_.script(kLook, {copy().destination}));
    const std::string_view what = base::trim(said);
    co_return what == "directory" ? recipe::Destination::kDirectory
    : what == "file"              ? recipe::Destination::kFile
                                  : recipe::Destination::kMissing;
  }

  Task<Result<void>> copy_sources(recipe::Destination there) {
    WRENN_CO_TRY_ASSIGN(auto placed, recipe::place_sources(source_.index->entries, copy(), there));
    std::string directory = copy().destination;
    // The destination is the file itself.
    if (placed.size() == 1 && placed.front().path.empty() &&
        source_.index->entries.at(placed.front().entry).type !=
            recipe::ContextEntry::Type::kDirectory) {
      placed.front().path = name_of(directory);
      directory = parent_of(directory);
    }
    // The directory itself is there already, or is made for them.
    std::erase_if(placed, [](const PlacedEntry& one) { return one.path.empty(); });
    std::vector<PlacedEntry> archives;
    if (copy().kind == recipe::Copy::Kind::kAdd && copy().unpack) {
      std::erase_if(placed, [&](const PlacedEntry& one) {
        const auto& entry = source_.index->entries.at(one.entry);
        const bool is_archive =
            entry.type == recipe::ContextEntry::Type::kFile && is_archive_name(entry.path);
        if (is_archive) archives.push_back(one);
        return is_archive;
      });
    }
    WRENN_CO_TRY(co_await send(placed, directory, kUnpack, owner_text()));
    for (const PlacedEntry& one : archives) {
      WRENN_CO_TRY(co_await send_content(one));
      WRENN_CO_TRY(co_await guest_.script(kUnpackAdded, {concat(kArchive), copy().destination}));
    }
    co_return {};
  }

  Task<Result<void>> send(const std::vector<PlacedEntry>& placed, const std::string& directory,
                          const char* unpack, std::string owner) {
    WRENN_CO_TRY_ASSIGN(const base::Fd file,
                        co_await services_.build_pool.run([&] { return write_archive(placed); }));
    net::FileSource content(services_.build_pool, file.get());
    WRENN_CO_TRY(co_await guest_.write_file(concat(kArchive), content));
    WRENN_CO_TRY(co_await guest_.script(unpack, {directory, concat(kArchive), std::move(owner)}));
    co_return {};
  }

  // Blocking.
  Result<base::Fd> write_archive(const std::vector<PlacedEntry>& placed) {
    WRENN_TRY_ASSIGN(base::Fd file, services_.contexts.scratch_file());
    WRENN_TRY(write_copy(source_.fd, *source_.index, placed, {owner_, mode_}, file.get()));
    if (::lseek(file.get(), 0, SEEK_SET) != 0) {
      return base::fail_errno(errno, "cannot read what is copied");
    }
    return file;
  }

  // An archive in the context, as it is.
  Task<Result<void>> send_content(const PlacedEntry& one) {
    const auto& entry = source_.index->entries.at(one.entry);
    WRENN_CO_TRY_ASSIGN(const base::Fd file,
                        co_await services_.build_pool.run([&]() -> Result<base::Fd> {
                          WRENN_TRY_ASSIGN(base::Fd scratch, services_.contexts.scratch_file());
                          WRENN_TRY(copy_content(source_.fd, entry, scratch.get()));
                          if (::lseek(scratch.get(), 0, SEEK_SET) != 0) {
                            return base::fail_errno(errno, "cannot read what is added");
                          }
                          return scratch;
                        }));
    net::FileSource content(services_.build_pool, file.get());
    co_return co_await guest_.write_file(concat(kArchive), content);
  }

  Task<Result<void>> write_inline(const recipe::Copy::InlineFile& file, recipe::Destination there) {
    const std::string path = file_path(file.name, there);
    net::StringSource content(file.content);
    WRENN_CO_TRY(co_await guest_.write_file(path, content));
    constexpr const char* kDress = R"sh(chmod "$2" "$1"; chown "$3" "$1")sh";
    WRENN_CO_TRY(co_await guest_.script(
        kDress, {path, copy().chmod.empty() ? "0644" : copy().chmod, owner_text()}));
    co_return {};
  }

  Task<Result<void>> fetch(const std::string& url, recipe::Destination there) {
    const std::string_view address = std::string_view(url).substr(0, url.find_first_of("?#"));
    const std::string name(name_of(address));
    constexpr std::string_view kSha256 = "sha256:";
    const std::string sum =
        copy().checksum.starts_with(kSha256) ? copy().checksum.substr(kSha256.size()) : "";
    WRENN_CO_TRY(co_await guest_.script(
        kFetch, {url, file_path(name.empty() ? "index.html" : name, there),
                 copy().chmod.empty() ? "0600" : copy().chmod, owner_text(), sum}));
    co_return {};
  }

  Services& services_;
  BuildGuest& guest_;
  const CopyFiles& files_;
  const CopySource source_;
  std::optional<std::uint32_t> mode_;
  recipe::TarOwner owner_;
};

}  // namespace

Task<Result<void>> copy_into(Services& services, BuildGuest& guest, const CopyFiles& files,
                             CopySource source) {
  Copying copying(services, guest, files, source);
  co_return co_await copying.run();
}

Task<Result<base::Fd>> archive_of(Services& services, BuildGuest& guest, const CopyFiles& files) {
  std::vector<std::string> arguments = {concat(kArchive)};
  for (std::string_view source : files.copy.sources) {
    while (source.starts_with('/')) source.remove_prefix(1);
    arguments.emplace_back(source.empty() ? "." : source);
  }
  WRENN_CO_TRY(co_await guest.script(kPack, std::move(arguments)));
  WRENN_CO_TRY_ASSIGN(base::Fd file, co_await services.build_pool.run(
                                         [&] { return services.contexts.scratch_file(); }));
  WRENN_CO_TRY(co_await guest.read_file(concat(kArchive), file.get(), kMaxContextBytes));
  co_return file;
}

}  // namespace wrenn::control
